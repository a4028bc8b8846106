/* The program: a typed, verified list of nodes in SSA form. A node's operands
 * stand before it. All operands of an element-wise node have one dtype; casts are
 * nodes of their own. Shapes broadcast as NumPy's do: an element-wise node's shape is the
 * broadcast of its operands' shapes; a whole reduction's is ().
 *
 * Slices, transpositions, reshapes and the like never stand above element-wise nodes: lang
 * pushes them down to the leaves, where they are VIEWs: of an INPUT or of a stored node.
 *
 * Stored nodes are reductions along axes, folds and products: their result is an array of its own (in
 * C order), made by a pass; later passes read it like an input, whole or through VIEWs. A stored
 * node of shape () is a value instead: uniform, like a whole reduction. (A product of shape () is an array of one
 * element.) A product that one pass alone reads, whole, is not stored in fact: it comes tile by tile. */
#ifndef GP_LANG_IR_H
#define GP_LANG_IR_H

#include "array/dtype.h"
#include "array/walk.h"
#include "base/text.h"
#include "lang/ops.h"

typedef struct gp_node {
    gp_op op;
    gp_dtype dtype;
    int arg[3];           /* node indices, -1 where unused */
    int input;            /* INPUT: index into gp_program.input */
    gpuproc_scalar value; /* CONST */
    double ddof;          /* VAR, STD; LSTSQ: rcond */
    /* Reductions and folds: the operand's axes that it goes along, a bit each; 0: all of them. */
    uint32_t axes;
    /* WIN*: of the window; BINCOUNT: bins; QUANTILE: the method; SOLVE, LSTSQ: columns of b; MATMUL: bits */
    int64_t size;
    int walk;             /* VIEW, INDEX: index into gp_program.walk; else 0 */
    /* How many elements there are shows at the end; `shape` is the most. Such a node can only
     * be a result. */
    bool growing;
    gp_shape shape;
    /* The pass after which the node can be known: 0 from the inputs alone, k+1
     * where it needs a reduction over something of level k. */
    int level;
    /* One value for the whole array that does not depend on array elements other
     * than through reductions: constants, whole reductions, and what is made of them. */
    bool uniform;
    int64_t line, column; /* in the text, for messages; 0: none */
} gp_node;

typedef struct gp_input {
    char *name;
    gp_dtype dtype;
    gp_shape shape;
    bool fortran; /* how it lies in storage; the INPUT node is in C order all the same */
    void *data;   /* a constant array of the text ([1, 2, 3], q's, edges): its elements, owned; else NULL */
} gp_input;

typedef struct gp_result {
    char *name;  /* the assigned name, or the text of the statement */
    bool named;
    bool used;   /* a later statement uses this name */
    int node;
} gp_result;

typedef struct gp_program {
    gp_node *node;
    size_t nodes, node_capacity;
    gp_input *input;
    size_t inputs, input_capacity;
    gp_result *result;
    size_t results, result_capacity;
    gp_walk *walk;
    size_t walks, walk_capacity;
    int *bucket; /* hash table of the nodes but inputs: index + 1, 0 where free */
    size_t buckets;
} gp_program;

const gp_op_info *gp_op_info_of(gp_op op);

void gp_program_free(gp_program *program);

/* Appending; each returns the new node's index, or -1 when out of memory. They
 * fill shape, level and uniform from the operands. gp_ir_* do not check types:
 * gp_program_verify does. gp_ir_op reuses an equal node that is there already. */
int gp_ir_declare(gp_program *program, const char *name, gp_dtype dtype,
                  const gp_shape *shape); /* an input without a node; returns the input's index */
int gp_ir_input_node(gp_program *program, int input); /* its node */
int gp_ir_input(gp_program *program, const char *name, gp_dtype dtype, const gp_shape *shape);
int gp_ir_const(gp_program *program, gpuproc_scalar value);
int gp_ir_op(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int c);
int gp_ir_reduce(gp_program *program, gp_op op, gp_dtype dtype, int a, double ddof);
/* A reduction along axes (axes != 0; the reduced axes are gone from the result: a view puts
 * them back for keepdims). Where axes are all of them, the same as gp_ir_reduce. */
int gp_ir_reduce_axes(gp_program *program, gp_op op, gp_dtype dtype, int a, uint32_t axes, double ddof);
/* A fold; `shape` is the result's (the most, where it grows). b: -1, or the second operand. */
int gp_ir_fold(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, uint32_t axes,
               int64_t size, const gp_shape *shape, bool growing);
/* A product; `shape` is the result's. */
int gp_ir_product(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int64_t size, const gp_shape *shape);
/* A view of an INPUT or a stored node; the node itself where the walk is all of it. */
int gp_ir_view(gp_program *program, int a, const gp_walk *walk);
int gp_ir_index(gp_program *program, const gp_walk *walk);
int gp_ir_fill(gp_program *program, int a, const gp_shape *shape); /* a: uniform */
int gp_ir_table(gp_program *program, int a);
/* A constant array, C order; copies `data`. Its INPUT node. */
int gp_ir_array(gp_program *program, gp_dtype dtype, const gp_shape *shape, const void *data);
/* A reduction along axes, a fold or a product: the result is an array (shape () : a value). */
bool gp_node_is_stored(const gp_node *node);
/* How an INPUT, a VIEW, or a stored node walks over storage. */
void gp_node_walk(const gp_program *program, int node, gp_walk *walk);
/* The INPUT or stored node under a VIEW or TABLE; else the node itself. */
int gp_node_base(const gp_program *program, int node);
/* Adds a result; false when out of memory. */
bool gp_ir_result(gp_program *program, const char *name, bool named, int node);

/* Drops the nodes that no result needs, and renumbers. */
gpuproc_status gp_ir_sweep(gp_program *program, gpuproc_error *err);

/* Checks every rule above; INTERNAL with the node's number where one is broken. */
gpuproc_status gp_program_verify(const gp_program *program, gpuproc_error *err);

/* A readable listing, one node a line: "%3 = mul float32 (4,) %1 %2". */
void gp_program_print(const gp_program *program, gp_text *out);

#endif
