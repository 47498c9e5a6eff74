/* How a failure travels: a negative errno as the return value, the call's name in ps_error. */
#include <stdio.h>

#include "pageswap.h"

int ps_error_set(ps_error *error, int errnum, const char *call, const char *detail)
{
    error->errnum = errnum;
    (void)snprintf(error->call, sizeof error->call, "%s", call);
    (void)snprintf(error->detail, sizeof error->detail, "%s", detail);
    return -errnum;
}

int ps_fail(struct ps_region *region, const char *call)
{
    return ps_error_set(region->error, errno, call, "");
}

int ps_unavailable(ps_error *why, int errnum, const char *reason_and_cure)
{
    return ps_error_set(why, errnum, "probe", reason_and_cure);
}
