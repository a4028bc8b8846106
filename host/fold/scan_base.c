/* Scans and windows for any processor. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GP_SCAN_SET gp_scan_ops_base
#include "fold/scan_loops.h"
