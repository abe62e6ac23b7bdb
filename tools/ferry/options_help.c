#include "tools/ferry/options_private.h"

enum {
    HELP_COLUMN = 26,
    HELP_COMMAND_COLUMN = 24,
};

static void option_print_help(const struct option_row *row, FILE *out)
{
    char flag[64];
    char letter[] = { '-', row->letter, ',', ' ', '\0' };

    (void)snprintf(flag, sizeof(flag), "%s--%s %s", row->letter == 0 ? "" : letter, row->name,
                   row->value == NULL ? "" : row->value);
    (void)fprintf(out, "  %-*s", HELP_COLUMN, flag);
    for (const char *text = row->help; *text != '\0'; text++) {
        (void)fputc(*text, out);
        if (*text == '\n')
            (void)fprintf(out, "  %-*s", HELP_COLUMN, "");
    }
    (void)fputc('\n', out);
}

static void options_print_overview(FILE *out)
{
    (void)fputs(
        "ferry: uploads that go on after whatever interrupted them, by tus 1.0.0, and downloads\n"
        "\n"
        "    ferry put holiday.mp4 http://127.0.0.1:1080/files/\n"
        "\n"
        "uploads a file and prints the URL of the upload, which get, verify, status and rm take.\n"
        "\n",
        out);
    for (size_t i = 0; i < command_row_count; i++) {
        char usage[64];
        const struct command_row *row = &command_rows[i];

        (void)snprintf(usage, sizeof(usage), "%s %s", row->name, row->operands);
        (void)fprintf(out, "  ferry %-*s%s\n", HELP_COMMAND_COLUMN, usage, row->summary);
    }
    (void)fputs(
        "\n"
        "ferry COMMAND --help tells more of a command and lists its options; so does the manual\n"
        "page ferry(1). ferry --version prints the version.\n",
        out);
}

static void command_print_help(const struct command_row *row, FILE *out)
{
    (void)fprintf(out, "ferry %s [OPTION]... %s\n\n%s\n", row->name, row->operands,
                  row->description);
    for (size_t i = 0; i < option_row_count; i++)
        if ((option_rows[i].commands & row->command) != 0)
            option_print_help(&option_rows[i], out);
    (void)fputs(
        "\n"
        "Sizes may end in K, M, G or T, powers of 1024. Exit status: 0 when all is well, 1 when not,\n"
        "2 when the command line is wrong. Stopped by a signal, ferry ends by that signal.\n",
        out);
}

void options_print_help(const struct options *options, FILE *out)
{
    for (size_t i = 0; i < command_row_count; i++)
        if (command_rows[i].command == options->command) {
            command_print_help(&command_rows[i], out);
            return;
        }
    options_print_overview(out);
}
