/* Lies in base/ now. */
#include "base/clones.h"
