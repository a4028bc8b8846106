# Helpers for cases: . "$LIB"

# npy FILE DESCR SHAPE BYTES: an .npy file; BYTES as printf has them, '\1\0'.
npy() {
    {
        printf '\x93NUMPY\1\0v\0'
        printf '%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
        printf "$4"
    } >"$1"
}

# data FILE: the bytes of an .npy file behind its header of 128 bytes, in hexadecimal.
data() {
    tail -c +129 "$1" | od -An -v -tx1 | tr -d ' \n'
    echo
}
