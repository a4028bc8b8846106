#!/usr/bin/env python3
"""Writes lang_matrix.txt: the dtypes and shapes that real NumPy gives each product and each function of linalg.

Usage: make_lang_matrix.py > lang_matrix.txt     (needs numpy)

One line per expression and shapes:

    x's shape | y's shape | expression | results for each pair of dtypes in PAIRS

A result is dtype:shape, several joined by '+', or 'E' where NumPy raises.
"""
import warnings

import numpy as np

warnings.simplefilter("ignore")
np.seterr(all="ignore")

PAIRS = [("b1", "b1"), ("i1", "u1"), ("i4", "i4"), ("u8", "i8"), ("f2", "f2"), ("f2", "f4"), ("f4", "i4"), ("f4", "f4"), ("f8", "f4"),
         ("c8", "f4"), ("f8", "c8"), ("c16", "c16")]
SHAPES = [((3, 4), (4, 5)), ((3, 4), (5, 6)), ((4,), (4,)), ((4,), (4, 2)), ((3, 4), (4,)), ((), (4,)), ((3,), (4,)), ((2, 3, 4), (4, 5)),
          ((2, 3, 4), (2, 4, 3)), ((5, 1, 3, 4), (2, 4, 3)), ((2, 3, 4), (3, 4, 2)), ((0, 3), (3, 2)), ((3, 0), (0, 2)), ((2, 0, 3), (3, 0)),
          ((1, 1), (1, 1)), ((3, 3), (3, 3)), ((6, 3), (6, 3)), ((2, 2, 3, 3), (3, 3)), ((4,), (3, 4, 2)), ((3, 4, 5), (4, 3, 2))]
PRODUCTS = ["x@y", "matmul(x,y)", "dot(x,y)", "x.dot(y)", "vdot(x,y)", "inner(x,y)", "outer(x,y)", "kron(x,y)", "tensordot(x,y,0)", "tensordot(x,y,1)",
            "tensordot(x,y)", "tensordot(x,y,([0],[0]))", "tensordot(x,y,([-1],[0]))", "tensordot(x,y,((1,0),(0,1)))", "tensordot(x,y,(1,0))", "vecdot(x,y)",
            "matvec(x,y)", "vecmat(x,y)", "x.T@x", "x@x.T", "(x+x).T@(x+x)", "x@y+x", "x@2", "einsum('ij,jk',x,y)", "einsum('ij,jk->ki',x,y)",
            "einsum('i,i',x,y)", "einsum('ij,ij->i',x,y)", "einsum('ij,ij->ij',x,y)", "einsum('ij,kj->ik',x,y)", "einsum('ij,kl->iljk',x,y)",
            "einsum('...ij,...jk->...ik',x,y)", "einsum('...ij,...jk',x,y)", "einsum('ij,j',x,y)", "einsum('i,ij->j',x,y)", "einsum('ij,ji->',x,y)",
            "einsum('bij,bjk->bik',x,y)", "einsum('bij,bjk->kbi',x,y)", "einsum('ijk,jil->kl',x,y)", "einsum('ij,jk,kl->il',x,y,y.T)", "einsum('ij,k->',x,y)",
            "einsum('ij',x,y)", "einsum('ij,jk->im',x,y)", "einsum('i,j->ij',x,y)", "linalg.solve(x,y)", "linalg.lstsq(x,y)", "linalg.multi_dot([x,y])",
            "linalg.multi_dot([x,y,y.T])", "linalg.matmul(x,y)"]
SINGLE = ["einsum('ij->ji',x)", "einsum('ii',x)", "einsum('ii->i',x)", "einsum('ij->',x)", "einsum('ij->i',x)", "einsum('...ij->...ji',x)", "einsum('i->',x)",
          "einsum('...i->...',x)", "einsum('ij',x)", "einsum('ba',x)", "trace(x)", "diag(x)", "diag(x,1)", "diag(x,-2)", "diag(x,9)", "diagflat(x,1)", "x.T", "x.mT",
          "swapaxes(x,0,-1)", "matrix_transpose(x)", "tril(x)", "triu(x,1)", "linalg.inv(x)", "linalg.det(x)", "linalg.slogdet(x)", "linalg.cholesky(x@x.mT+3*eye(3))", "linalg.eigh(x)",
          "linalg.eigvalsh(x)", "linalg.svd(x)", "linalg.svd(x,full_matrices=False)", "linalg.svd(x,compute_uv=False)", "linalg.svdvals(x)", "linalg.qr(x)",
          "linalg.qr(x,'r')", "linalg.qr(x,'complete')", "linalg.pinv(x)", "linalg.matrix_rank(x)", "linalg.cond(x)", "linalg.cond(x+eye(3),1)", "linalg.matrix_power(x,3)",
          "linalg.matrix_power(x,0)", "linalg.matrix_power(x,1)", "linalg.matrix_power(x+eye(3),-2)", "linalg.norm(x,'nuc')", "linalg.norm(x,2)", "linalg.norm(x,-2,axis=(0,1))",
          "linalg.matrix_norm(x)", "linalg.vector_norm(x)", "cov(x)", "corrcoef(x.T)"]


def code(value):
    if isinstance(value, (tuple, list)):
        return "+".join(code(v) for v in value)
    value = np.asarray(value)
    return value.dtype.str[1:] + ":" + str(value.shape).replace(" ", "")


def main():
    names = {n: getattr(np, n) for n in dir(np) if not n.startswith("_")}
    print(f"# NumPy {np.__version__}")
    print("# " + " ".join(f"{a},{c}" for a, c in PAIRS))
    rng = np.random.default_rng(1)
    done = set()
    for text in PRODUCTS + SINGLE:
        for xs, ys in SHAPES:
            if "'ii" in text and len(xs) == 2 and xs[0] != xs[1] and 0 in xs:
                continue  # NumPy takes what is not there
            if text in SINGLE:
                if (text, xs) in done:
                    continue
                done.add((text, xs))
            row = []
            for a, c in PAIRS:
                x = np.array(rng.random(xs) * 3 + 0.5).astype(a)
                if a == "b1":
                    x = np.asarray(np.arange(x.size).reshape(xs) % 5 == 0)
                if len(xs) > 1 and xs[-1] == xs[-2]:
                    x = (x + 4 * np.eye(xs[-1])).astype(a)
                y = np.array(rng.random(ys) * 3).astype(c)
                try:
                    row.append(code(eval(text, dict(names, x=x, y=y))) or "E")
                except Exception:
                    row.append("E")
            print(f"{str(xs).replace(' ', '')}|{str(ys).replace(' ', '')}|{text}|{' '.join(row)}")


if __name__ == "__main__":
    main()
