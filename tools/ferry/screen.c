#include "tools/ferry/screen.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/ferry/say.h"
#include "tools/ferry/text.h"

/* after all others: it takes names that everybody has */
#include <term.h>
#undef columns
#undef lines

enum {
    SCREEN_SEQUENCE_BYTES = 128,
};

static SCREEN *screen;
static struct termios screen_before;
static char screen_sequence[SCREEN_SEQUENCE_BYTES]; /* leaves the screen and shows the cursor */
static size_t screen_sequence_count;

/* Ends the process as the signal would have, on a terminal as it was before. */
static void screen_rescue(int number)
{
    if (tcsetattr(STDIN_FILENO, TCSANOW, &screen_before) == 0 &&
        write(STDOUT_FILENO, screen_sequence, screen_sequence_count) < 0) {
        /* nobody sees it, then */
    }
    (void)raise(number);
}

static void screen_expect_the_worst(void)
{
    static const int signals[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    struct sigaction action = { .sa_handler = screen_rescue,
                                .sa_flags = SA_RESETHAND | SA_NODEFER };
    const char *leave = exit_ca_mode == NULL ? "" : exit_ca_mode;
    const char *cursor = cursor_normal == NULL ? "" : cursor_normal;

    (void)snprintf(screen_sequence, sizeof(screen_sequence), "%s%s", leave, cursor);
    screen_sequence_count = strlen(screen_sequence);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)sigaction(signals[i], &action, NULL);
}

int screen_open(void)
{
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 ||
        tcgetattr(STDIN_FILENO, &screen_before) != 0) {
        say_error("this needs a terminal; ferry ls does not");
        return -1;
    }
    /* ncurses asks the process, not the thread; there is one. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    (void)setlocale(LC_CTYPE, "");
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        say_error("nobody knows how this terminal works (TERM); ferry ls does without");
        return -1;
    }
    screen_expect_the_worst();
    (void)cbreak();
    (void)noecho();
    (void)curs_set(0);
    (void)keypad(stdscr, TRUE);
    (void)nodelay(stdscr, TRUE);
    return 0;
}

void screen_close(void)
{
    if (screen == NULL)
        return;
    (void)endwin();
    delscreen(screen);
    screen = NULL;
}

size_t screen_lines(void)
{
    return LINES > 0 ? (size_t)LINES : 0;
}

size_t screen_columns(void)
{
    return COLS > 0 ? (size_t)COLS : 0;
}

void screen_begin(void)
{
    (void)erase();
}

void screen_put(size_t line, bool inverse, const char *text)
{
    size_t columns = screen_columns();
    size_t count = text_fit(text, columns);

    if (line >= screen_lines())
        return;
    (void)attrset(inverse ? A_REVERSE : A_NORMAL);
    (void)move((int)line, 0);
    (void)clrtoeol();
    (void)addnstr(text, (int)count);
    for (size_t i = text_columns(text); inverse && i < columns; i++)
        (void)addch(' ');
    (void)attrset(A_NORMAL);
}

void screen_show(void)
{
    (void)refresh();
}

enum screen_key screen_key(void)
{
    int key;

    while ((key = getch()) != ERR) {
        if (key == 'q' || key == 'Q')
            return SCREEN_KEY_QUIT;
        if (key == KEY_RESIZE)
            return SCREEN_KEY_RESIZED;
    }
    return SCREEN_KEY_NONE;
}
