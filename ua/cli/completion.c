/*
 * peerpost completion: what shells need to complete command lines, made from the commands' own
 * table and help, so that it is never behind them. It must not know what a command does.
 */
#include <cli/cli.h>

#include <cli/help.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 2048

/* Adds a word once. */
static void add_word(char words[WORDS_MAX], const char *word, size_t len)
{
    char framed[64];
    size_t used = strlen(words);
    if (len + 3 > sizeof framed || used + len + 2 > WORDS_MAX) {
        return;
    }
    snprintf(framed, sizeof framed, " %.*s ", (int)len, word);
    if (!strstr(words, framed)) {
        snprintf(words + used, WORDS_MAX - used, "%s%.*s ", used ? "" : " ", (int)len, word);
    }
}

/* Every --option of the text. */
static void add_options(char words[WORDS_MAX], const char *text)
{
    for (const char *at = strstr(text, "--"); at; at = strstr(at, "--")) {
        size_t len = 2;
        while (islower((unsigned char)at[len]) || (len > 2 && at[len] == '-')) {
            len++;
        }
        if (len > 2 && (at == text || !isalnum((unsigned char)at[-1]))) {
            add_word(words, at, len);
        }
        at += len;
    }
}

/* Plain words of the usage line: `peerpost queue list [--json] | run | drop ID...` */
static void add_verbs(char words[WORDS_MAX], const char *text, const char *command)
{
    const char *end = text + strcspn(text, "\n");
    const char *at = text + strlen("peerpost ") + strlen(command);
    while (at < end) {
        size_t len = strcspn(at, " []|\n");
        bool plain = len > 1;
        for (size_t i = 0; i < len; i++) {
            plain = plain && islower((unsigned char)at[i]);
        }
        if (plain) {
            add_word(words, at, len);
        }
        at += len ? len : 1;
    }
}

static void words_of(char words[WORDS_MAX], const char *command)
{
    words[0] = '\0';
    add_verbs(words, cli_help(command), command);
    add_options(words, cli_help(command));
    add_word(words, "--help", 6);
}

static void print_bash(void)
{
    char words[WORDS_MAX] = "";
    printf("_peerpost() {\n"
           "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" command= i\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        case \"${COMP_WORDS[i]}\" in\n"
           "        --config) ((i++)) ;;\n"
           "        -*) ;;\n"
           "        *) command=\"${COMP_WORDS[i]}\"; break ;;\n"
           "        esac\n"
           "    done\n"
           "    COMPREPLY=()\n"
           "    case \"$command\" in\n");
    for (size_t i = 0; cli_command_name(i); i++) {
        words_of(words, cli_command_name(i));
        printf("    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")) ;;\n", cli_command_name(i),
               words);
    }
    words[0] = '\0';
    add_options(words, cli_help(NULL));
    printf("    '') COMPREPLY=($(compgen -W '%s", words);
    for (size_t i = 0; cli_command_name(i); i++) {
        printf("%s ", cli_command_name(i));
    }
    printf("' -- \"$cur\")) ;;\n"
           "    esac\n"
           "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
           "}\n"
           "complete -F _peerpost peerpost\n");
}

static void print_fish(void)
{
    char words[WORDS_MAX];
    for (size_t i = 0; cli_command_name(i); i++) {
        const char *name = cli_command_name(i);
        printf("complete -c peerpost -n __fish_use_subcommand -a %s\n", name);
        words_of(words, name);
        printf("complete -c peerpost -n '__fish_seen_subcommand_from %s' -a '%s'\n", name, words);
    }
}

int cli_completion(struct cli *cli, int argc, char **argv)
{
    const char *shell = argc == 2 ? argv[1] : "";
    if (strcmp(shell, "zsh") == 0) {
        printf("autoload -U +X compinit && compinit\n"
               "autoload -U +X bashcompinit && bashcompinit\n");
    }
    if (strcmp(shell, "bash") == 0 || strcmp(shell, "zsh") == 0) {
        print_bash();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        return cli_usage(cli, "for which shell: bash, zsh or fish?");
    }
    return EX_OK;
}
