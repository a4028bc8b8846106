#include "lang/checks.h"

const char *gp_check_message(gp_check_id id)
{
    static const char *const message[] = {
#define X(name, message) message,
        GP_CHECKS(X)
#undef X
    };
    return message[id];
}
