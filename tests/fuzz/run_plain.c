/* Runs a fuzz target as an ordinary test: every file of a corpus folder as it
 * is, then a fixed number of mutations of them, the same ones every time.
 *
 *     fuzz_x CORPUS_FOLDER INPUTS [SEED]
 *
 * The input under way stands in fuzz-last-input while it runs, so that a crash
 * leaves it behind. */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LAST_INPUT "fuzz-last-input"
#define MAX_FILES 512
#define MAX_BYTES 16384

typedef struct sample {
    uint8_t *data;
    size_t size;
} sample;

static sample samples[MAX_FILES];
static size_t sample_count;
static uint64_t state = 1;
static int last; /* the file LAST_INPUT */

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n == 0 ? 0 : (size_t)(state % n);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* no locale: the same order everywhere */
}

static void load(const char *folder)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        FILE *f = entries[i]->d_type == DT_DIR ? NULL : fopen(path, "rb");
        if (f != NULL && sample_count < MAX_FILES) {
            uint8_t *data = malloc(MAX_BYTES);
            if (data == NULL) abort();
            samples[sample_count++] = (sample){data, fread(data, 1, MAX_BYTES, f)};
        }
        if (f != NULL) fclose(f);
        free(entries[i]);
    }
    free(entries);
}

/* One change of the buffer, which has room for MAX_BYTES. */
static size_t mutate(uint8_t *data, size_t size)
{
    static const char *const tokens[] = {"0", "-1", "9223372036854775807", "1e999", "'", "(", ")",
                                         ",", "[", "nan", "\\", "\n", "\xff", "True", "<f4"};
    size_t at = below(size + 1), n;
    switch (below(7)) {
    case 0: /* flip a bit */
        if (at < size) data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1: /* any byte */
        if (at < size) data[at] = (uint8_t)below(256);
        return size;
    case 2: /* cut the end */
        return at;
    case 3: /* remove a few */
        n = below(9);
        if (at + n > size) n = size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 4: { /* put a token in */
        const char *token = tokens[below(sizeof tokens / sizeof *tokens)];
        n = strlen(token);
        if (size + n > MAX_BYTES) return size;
        memmove(data + at + n, data + at, size - at);
        memcpy(data + at, token, n);
        return size + n;
    }
    case 5: { /* repeat a piece */
        n = below(size - at + 1);
        if (size + n > MAX_BYTES) return size;
        memmove(data + at + n, data + at, size - at);
        return size + n;
    }
    default: { /* go on as another sample does */
        const sample *other = &samples[below(sample_count)];
        size_t from = below(other->size + 1);
        n = other->size - from;
        if (at + n > MAX_BYTES) n = MAX_BYTES - at;
        memcpy(data + at, other->data + from, n);
        return at + n;
    }
    }
}

static void run(const uint8_t *data, size_t size)
{
    if (pwrite(last, data, size, 0) != (ssize_t)size || ftruncate(last, (off_t)size) != 0) {
        perror(LAST_INPUT);
        exit(2);
    }
    /* A block of just this size, so that a sanitizer sees a read behind its end. */
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL) abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER INPUTS [SEED]\n", argv[0]);
        return 2;
    }
    load(argv[1]);
    if (sample_count == 0) {
        fprintf(stderr, "%s: no samples in %s\n", argv[0], argv[1]);
        return 2;
    }
    last = open(LAST_INPUT, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    state = argc > 3 ? strtoull(argv[3], NULL, 0) | 1 : 20240229;
    for (size_t i = 0; i < sample_count; i++) run(samples[i].data, samples[i].size);
    static uint8_t data[MAX_BYTES];
    unsigned long inputs = strtoul(argv[2], NULL, 10);
    for (unsigned long i = 0; i < inputs; i++) {
        const sample *from = &samples[below(sample_count)];
        size_t size = from->size;
        memcpy(data, from->data, size);
        for (size_t k = below(6) + 1; k > 0; k--) size = mutate(data, size);
        run(data, size);
    }
    for (size_t i = 0; i < sample_count; i++) free(samples[i].data);
    close(last);
    remove(LAST_INPUT);
    printf("%zu samples, %lu mutations\n", sample_count, inputs);
    return 0;
}
