/* Lets a core that was built on a new system load on one with glibc 2.27 or later: what hosts run should be the same
 * bits. glibc 2.34 gave the thread calls a new version when it moved them into libc.so, and 2.38 what reads numbers new
 * names for C23's binary ones; what they do for us is the same, and the old ones are still there. Include this wherever
 * they are called. A sanitizer puts its own calls in between. */
#ifndef PS_GLIBC_H
#define PS_GLIBC_H

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");
#if __GLIBC_PREREQ(2, 38)
__asm__(".symver __isoc23_strtol, strtol@GLIBC_2.2.5");
__asm__(".symver __isoc23_strtoul, strtoul@GLIBC_2.2.5");
__asm__(".symver __isoc23_strtoull, strtoull@GLIBC_2.2.5");
__asm__(".symver __isoc23_sscanf, __isoc99_sscanf@GLIBC_2.7");
__asm__(".symver __isoc23_fscanf, __isoc99_fscanf@GLIBC_2.7");
#endif
#endif

#endif
