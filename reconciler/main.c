/* main.c: gives the command line the real host. */
#include "reconciler/cli/cli.h"
#include "reconciler/host.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv, &host_real);
}
