/* main.c: gives the command line the real host; or is a helper that muster starts itself. */
#include <string.h>
#include "reconciler/cli/cli.h"
#include "reconciler/host.h"
#include "reconciler/source/signature_openpgp.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], SIGNATURE_OPENPGP_WORD) == 0)
        return signature_openpgp_main(argc, argv);
    return cli_main(argc, argv, &host_real);
}
