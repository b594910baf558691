/* One command to a card, by calling the driver of the reader itself.
 *
 *   reader DRIVER DEVICE CALLS
 *
 * To be linked with -rdynamic: the driver calls back into pcscd, which is us. */
#include "repeat.h"

#include <dlfcn.h>
#include <ifdhandler.h>

typedef RESPONSECODE open_function(DWORD, LPSTR);
typedef RESPONSECODE power_function(DWORD, DWORD, PUCHAR, PDWORD);
typedef RESPONSECODE transmit_function(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD,
                                       PSCARD_IO_HEADER);

static transmit_function *transmit;

void log_msg(const int priority, const char *format, ...)
{
    (void)priority;
    (void)format;
}

static void must(RESPONSECODE result, const char *what)
{
    if (result != IFD_SUCCESS)
        give_up(what, result);
}

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found)
        give_up(dlerror(), 0);
    return found;
}

static void command(void)
{
    UCHAR select[] = { 0x00, 0xa4, 0x04, 0x00, 0x00 }, answer[MAX_BUFFER_SIZE];
    DWORD size = sizeof(answer);
    SCARD_IO_HEADER to = { 1, sizeof(to) }, from = { 1, sizeof(from) };
    must(transmit(0, to, select, sizeof(select), answer, &size, &from), "IFDHTransmitToICC");
    if (size != 2)
        give_up("the card answered with another number of bytes", (long)size);
}

int main(int argc, char **argv)
{
    UCHAR reset[MAX_ATR_SIZE];
    DWORD size = sizeof(reset);
    if (argc != 4)
        return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        give_up(dlerror(), 0);
    open_function *open_reader = function(library, "IFDHCreateChannelByName");
    power_function *power = function(library, "IFDHPowerICC");
    transmit = function(library, "IFDHTransmitToICC");
    must(open_reader(0, argv[2]), "IFDHCreateChannelByName");
    must(power(0, IFD_POWER_UP, reset, &size), "IFDHPowerICC");
    repeat(argv[3], command);
    return 0;
}
