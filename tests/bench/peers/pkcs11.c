/* Sixteen random bytes from the token of a PKCS #11 module.
 *
 *   pkcs11 MODULE CALLS */
#include "repeat.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

enum { WANTED = 16, SLOTS = 16 };

static CK_FUNCTION_LIST *module;
static CK_SESSION_HANDLE session;

static void must(CK_RV result, const char *what)
{
    if (result != CKR_OK)
        give_up(what, (long)result);
}

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    if (!library)
        give_up(dlerror(), 0);
    CK_C_GetFunctionList functions = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (!functions)
        give_up(dlerror(), 0);
    must(functions(&module), "C_GetFunctionList");
}

/* softhsm2 has one slot more than it has tokens, with a token that cannot be used yet. */
static CK_SLOT_ID usable_slot(void)
{
    CK_SLOT_ID slots[SLOTS];
    CK_ULONG count = SLOTS;
    must(module->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO token;
        if (module->C_GetTokenInfo(slots[i], &token) == CKR_OK &&
            token.flags & CKF_TOKEN_INITIALIZED)
            return slots[i];
    }
    give_up("no token in any slot", (long)count);
}

static void random_bytes(void)
{
    CK_BYTE bytes[WANTED];
    must(module->C_GenerateRandom(session, bytes, WANTED), "C_GenerateRandom");
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    load(argv[1]);
    must(module->C_Initialize(NULL), "C_Initialize");
    must(module->C_OpenSession(usable_slot(), CKF_SERIAL_SESSION, NULL, NULL, &session),
         "C_OpenSession");
    repeat(argv[2], random_bytes);
    must(module->C_Finalize(NULL), "C_Finalize");
    return 0;
}
