# Sourced by tests/run.sh and data/demo.sh: installs what is missing on Debian, and builds.
#
# need PACKAGE...: installs those that are not there. Calls apt only where one is
# missing. want PACKAGE...: the same for what one can do without; one that Debian
# does not have is passed over.

packages_missing() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || echo "$package"
    done
}

packages_root() {
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "root or sudo is needed to install packages: $*" >&2
        return 1
    fi
}

packages_install() {
    local said
    echo "installing: $*"
    said=$(packages_root apt-get install -y -q --no-install-recommends "$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

packages_update() {
    [ -n "${packages_updated-}" ] || packages_root apt-get update -q >/dev/null
    packages_updated=1
}

need() {
    local missing
    command -v dpkg-query >/dev/null 2>&1 || return 0 # not Debian: CMake says what it misses
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    packages_update
    # shellcheck disable=SC2086  # words are meant
    packages_install $missing
}

# build FOLDER ARGUMENT...: cmake --build; on a terminal ninja shows one line, elsewhere nothing
# is shown unless it fails.
build() {
    if [ -t 1 ]; then
        cmake --build "$@"
    else
        cmake --build "$@" >"$1.build.log" 2>&1 || {
            grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\|Generating\)' "$1.build.log"
            return 1
        }
    fi
}

want() {
    local package missing
    command -v dpkg-query >/dev/null 2>&1 || return 0
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    packages_update
    for package in $missing; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            packages_install "$package" || echo "without $package"
        else
            echo "without $package: this Debian does not have it"
        fi
    done
}
