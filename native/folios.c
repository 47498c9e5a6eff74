/* Large folios smaller than a huge page (mTHP): how memory comes to be in those of one size, and whether it is. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counters.h"

#define MOST_PAGES (PS_HUGE_PAGE / PS_BASE_PAGE)

/* A fault takes the largest size that is allowed, has room in its mapping, and finds nothing there yet. So each folio
 * is touched before what follows it is advised: larger ones have no room, whatever else the host allows. */
int ps_folios_bring(unsigned char *begin, const unsigned char *end, const unsigned char *limit, size_t folio_bytes,
                    ps_error *error)
{
    /* The rest of a folio that begins before is there already. */
    unsigned char *at = begin + (folio_bytes - (uintptr_t)begin % folio_bytes) % folio_bytes;

    for (; at < end; at += folio_bytes) {
        const size_t left = (size_t)(limit - at);

        if (madvise(at, left < folio_bytes ? left : folio_bytes, MADV_HUGEPAGE) != 0)
            return errno == EINVAL ? ps_unavailable(error, EINVAL, "this kernel has no transparent huge pages")
                                   : ps_error_set(error, errno, "madvise (folio)", "");
        *(volatile unsigned char *)at = 0;
    }
    return 0;
}

/* Do the page frames from this one on make one folio of so many pages? */
static int is_folio(int kpageflags, uint64_t frame, size_t pages)
{
    uint64_t flags[MOST_PAGES + 1] = {0};
    const size_t wanted = (pages + 1) * sizeof *flags, least = pages * sizeof *flags;
    const ssize_t got = pread(kpageflags, flags, wanted, (off_t)(frame * sizeof *flags));

    /* Behind the last frame of the memory there is nothing. */
    if (got < (ssize_t)least || !(flags[0] & PS_KPAGE_COMPOUND_HEAD))
        return 0;
    for (size_t i = 1; i < pages; i++)
        if (!(flags[i] & PS_KPAGE_COMPOUND_TAIL))
            return 0;
    return !(flags[pages] & PS_KPAGE_COMPOUND_TAIL);
}

/* Counts the folios that begin among these entries of pagemap and are mapped whole, page after page. Returns the entry
 * that the next look begins with. */
static size_t count_folios(int kpageflags, const uint64_t *entries, size_t n, size_t folio_pages, uint64_t *folios)
{
    size_t i = 0;

    while (i + folio_pages <= n) {
        const uint64_t frame = entries[i] & PS_PAGEMAP_FRAME;
        size_t same = 0;

        if (entries[i] & PS_PAGEMAP_PRESENT && frame && frame % folio_pages == 0)
            while (same < folio_pages && entries[i + same] & PS_PAGEMAP_PRESENT &&
                   (entries[i + same] & PS_PAGEMAP_FRAME) == frame + same)
                same++;
        const int found = same == folio_pages && is_folio(kpageflags, frame, folio_pages);

        *folios += found ? 1 : 0;
        i += found ? folio_pages : 1;
    }
    return i;
}

static int no_frames(ps_error *error)
{
    return ps_unavailable(
        error, EPERM,
        "only /proc/kpageflags tells which folios memory is in, and this process may not read it; run "
        "as root, in a container with CAP_SYS_ADMIN");
}

/* Neither PAGEMAP_SCAN nor smaps tells of folios that are no huge pages: the flags of the page frames do. */
int ps_folio_bytes(const unsigned char *begin, size_t bytes, size_t folio_bytes, uint64_t *found, ps_error *error)
{
    const size_t pages = bytes / PS_BASE_PAGE, folio_pages = folio_bytes / PS_BASE_PAGE;
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const int kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    uint64_t entries[2 * MOST_PAGES], folios = 0, frames = 0;
    int failed = pagemap < 0 || kpageflags < 0 ? -EPERM : 0;

    for (size_t first = 0; first + folio_pages <= pages && !failed;) {
        const size_t left = pages - first, n = left < 2 * MOST_PAGES ? left : 2 * MOST_PAGES;
        const size_t place = ((uintptr_t)begin / PS_BASE_PAGE + first) * sizeof *entries;

        if (pread(pagemap, entries, n * sizeof *entries, (off_t)place) != (ssize_t)(n * sizeof *entries)) {
            failed = -EIO;
            break;
        }
        for (size_t i = 0; i < n; i++)
            frames |= entries[i] & PS_PAGEMAP_FRAME;
        first += count_folios(kpageflags, entries, n, folio_pages, &folios);
    }
    if (kpageflags >= 0)
        (void)close(kpageflags);
    if (pagemap >= 0)
        (void)close(pagemap);
    *found = folios * folio_bytes;
    /* Frames read as 0 for who may not know them; memory that was written to has some. */
    return failed || !frames ? no_frames(error) : 0;
}
