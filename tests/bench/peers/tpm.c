/* Sixteen random bytes from a TPM, reached as the configuration of the TCTI says.
 *
 *   tpm TCTI CALLS */
#include "repeat.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

enum { WANTED = 16 };

static ESYS_CONTEXT *tpm;

static void must(TSS2_RC result, const char *what)
{
    if (result != TSS2_RC_SUCCESS)
        give_up(what, (long)result);
}

static void random_bytes(void)
{
    TPM2B_DIGEST *bytes = NULL;
    must(Esys_GetRandom(tpm, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, WANTED, &bytes),
         "Esys_GetRandom");
    if (bytes->size != WANTED)
        give_up("Esys_GetRandom gave another number of bytes", bytes->size);
    Esys_Free(bytes);
}

int main(int argc, char **argv)
{
    TSS2_TCTI_CONTEXT *way;
    if (argc != 3)
        return 2;
    must(Tss2_TctiLdr_Initialize(argv[1], &way), argv[1]);
    must(Esys_Initialize(&tpm, way, NULL), "Esys_Initialize");
    repeat(argv[2], random_bytes);
    Esys_Finalize(&tpm);
    Tss2_TctiLdr_Finalize(&way);
    return 0;
}
