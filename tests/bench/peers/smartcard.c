/* One command to a card, by way of pcscd.
 *
 *   smartcard CALLS */
#include "repeat.h"

#include <winscard.h>

enum { PATIENCE = 10000 }; /* milliseconds: pcscd looks for cards a few times a second */

static SCARDHANDLE card;
static const SCARD_IO_REQUEST *protocol;

static void must(LONG result, const char *what)
{
    if (result != SCARD_S_SUCCESS)
        give_up(what, result);
}

static void wait_for_card(SCARDCONTEXT context, const char *reader)
{
    SCARD_READERSTATE state = { .szReader = reader };
    while (!(state.dwEventState & SCARD_STATE_PRESENT)) {
        must(SCardGetStatusChange(context, PATIENCE, &state, 1), "SCardGetStatusChange");
        state.dwCurrentState = state.dwEventState;
    }
}

static void command(void)
{
    BYTE select[] = { 0x00, 0xa4, 0x04, 0x00, 0x00 }, answer[MAX_BUFFER_SIZE];
    DWORD size = sizeof(answer);
    must(SCardTransmit(card, protocol, select, sizeof(select), NULL, answer, &size),
         "SCardTransmit");
    if (size != 2)
        give_up("the card answered with another number of bytes", (long)size);
}

int main(int argc, char **argv)
{
    SCARDCONTEXT context;
    char readers[1024];
    DWORD size = sizeof(readers), chosen;
    if (argc != 2)
        return 2;
    must(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context),
         "SCardEstablishContext");
    must(SCardListReaders(context, NULL, readers, &size), "SCardListReaders");
    const char *first = readers; /* the names follow each other, each with its own end */
    wait_for_card(context, first);
    must(SCardConnect(context, first, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                      &card, &chosen),
         "SCardConnect");
    protocol = chosen == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
    repeat(argv[1], command);
    must(SCardDisconnect(card, SCARD_LEAVE_CARD), "SCardDisconnect");
    must(SCardReleaseContext(context), "SCardReleaseContext");
    return 0;
}
