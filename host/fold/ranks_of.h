/* Included by keys.c once for each width of KEY: choosing the keys at given ranks by counting. The range
 * between the least and the largest key is cut into bins; what is wanted lies in few of them. */

#define RANKS_SORTED 24u /* so few are simply sorted */
#define RANKS_BINS 1024u
#define RANKS_BIN_BITS 10

static GP_CLONES void NAME(extremes)(const KEY *key, size_t n, KEY *least, KEY *largest)
{
    KEY low = key[0], high = key[0];
    for (size_t i = 1; i < n; i++) {
        low = key[i] < low ? key[i] : low;
        high = key[i] > high ? key[i] : high;
    }
    *least = low;
    *largest = high;
}

static void NAME(insertion)(KEY *key, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        KEY moved = key[i];
        size_t j = i;
        for (; j > 0 && key[j - 1] > moved; j--) key[j] = key[j - 1];
        key[j] = moved;
    }
}

/* The bins of the first, the middle and the last rank, and how many keys are in bins before the first's. */
typedef struct NAME(bins) {
    size_t bin[3];
    uint64_t before;
} NAME(bins);

static __attribute__((noinline)) NAME(bins)
    NAME(count_bins)(const KEY *key, size_t n, KEY low, int shift, const uint64_t want[3])
{
    size_t count[RANKS_BINS] = {0};
    for (size_t i = 0; i < n; i++) count[(key[i] - low) >> shift]++;

    NAME(bins) found;
    uint64_t before = 0;
    size_t bin = 0;
    for (int i = 0; i < 3; i++) {
        for (; before + count[bin] <= want[i]; bin++) before += count[bin];
        found.bin[i] = bin;
        if (i == 0) found.before = before;
    }
    return found;
}

/* Keys [low, high] to the front; how many they are. */
static size_t NAME(keep)(KEY *key, size_t n, KEY low, KEY high)
{
    size_t m = 0;
    KEY width = high - low;
    for (size_t i = 0; i < n; i++) {
        KEY k = key[i];
        key[m] = k;
        m += (KEY)(k - low) <= width;
    }
    return m;
}

/* Keys below `pivot` to the front; how many they are. */
static size_t NAME(part)(KEY *key, size_t n, KEY pivot)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        KEY k = key[i];
        key[i] = key[m];
        key[m] = k;
        m += k < pivot;
    }
    return m;
}

/* `base`: what rank[] counts before key[0]. */
static void NAME(ranks)(KEY *key, size_t n, const uint64_t *rank, size_t ranks, uint64_t base, KEY *value)
{
    while (ranks > 0) {
        if (n <= RANKS_SORTED) {
            NAME(insertion)(key, n);
            for (size_t r = 0; r < ranks; r++) value[r] = key[rank[r] - base];
            return;
        }
        KEY low, high;
        NAME(extremes)(key, n, &low, &high);
        if (low == high) {
            for (size_t r = 0; r < ranks; r++) value[r] = low;
            return;
        }
        int bits = 64 - __builtin_clzll((uint64_t)(KEY)(high - low));
        int shift = bits > RANKS_BIN_BITS ? bits - RANKS_BIN_BITS : 0;
        const uint64_t want[3] = {rank[0] - base, rank[ranks / 2] - base, rank[ranks - 1] - base};
        NAME(bins) in = NAME(count_bins)(key, n, low, shift, want);
        KEY first = (KEY)(low + ((KEY)in.bin[0] << shift));
        KEY last = (KEY)(low + ((KEY)in.bin[2] << shift) + (((KEY)1 << shift) - 1));
        if (last < first || last > high) last = high; /* the last bin may pass the end of KEY */
        n = NAME(keep)(key, n, first, last);
        base += in.before;
        if (in.bin[0] == in.bin[2]) continue;

        /* Ranks in several bins: cut where each side has some of them, about half if it can be. */
        size_t cut = in.bin[1] > in.bin[0] ? in.bin[1] : in.bin[0] + 1;
        KEY pivot = (KEY)(low + ((KEY)cut << shift));
        size_t left = NAME(part)(key, n, pivot), split = 1;
        while (rank[split] - base < left) split++;
        if (split > ranks - split) {
            NAME(ranks)(key + left, n - left, rank + split, ranks - split, base + left, value + split);
            n = left;
            ranks = split;
        } else {
            NAME(ranks)(key, left, rank, split, base, value);
            key += left;
            n -= left;
            base += left;
            rank += split;
            value += split;
            ranks -= split;
        }
    }
}

#undef RANKS_SORTED
#undef RANKS_BINS
#undef RANKS_BIN_BITS
