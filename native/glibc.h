/* Lets a core that was built on a new system load on one with glibc 2.27 or later: what hosts run should be the same
 * bits. glibc 2.34 gave the thread calls a new version when it moved them into libc.so; what they do is the same, and
 * the old version is still there. Include this wherever they are called. A sanitizer puts its own calls in between. */
#ifndef PS_GLIBC_H
#define PS_GLIBC_H

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");
#endif

#endif
