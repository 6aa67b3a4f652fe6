/* The texts of --help: one for the program, one for each command, each with examples. */
#include <cli/help.h>

#include <string.h>

static const struct text {
    const char *command, *text;
} texts[] = {
    {"join",
     "peerpost join INVITATION ADDRESS | --answer FILE\n"
     "  How to begin. Takes the invitation that your campus gave you, and makes a file for you to\n"
     "  send back; --answer takes what comes in return, and then everybody can write to you.\n"
     "  --answer FILE  the campus's answer\n"
     "Examples\n"
     "  peerpost join campus.invitation anna@uni.example\n"
     "  peerpost join --answer anna.answer\n"},
    {"enrol",
     "peerpost enrol [--alias ADDRESS]... [--key URI] [--renew | --rollover | --lost]\n"
     "peerpost enrol --certificate FILE\n"
     "  Makes your key and a request for a certificate (beside the key, NAME.csr.pem). Give the\n"
     "  request to your authority; --certificate then takes what it answers.\n"
     "  --alias A      another address of yours for the same certificate; up to 7: mail to each of\n"
     "                 them arrives here\n"
     "  --key URI      a key on a PKCS#11 token, such as pkcs11:token=card;object=mail, instead of\n"
     "                 a new one in a file; the PIN comes from $PEERPOST_PIN or the terminal\n"
     "  --renew        asks for a new certificate for the same key, before the old one ends\n"
     "  --rollover     a new key that the old one vouches for: your correspondents take it by\n"
     "                 themselves; the old key goes on reading old mail\n"
     "  --lost         a new key after loss or theft of the old one: have that revoked\n"
     "  --certificate FILE  puts the authority's answer into its place\n"
     "Examples\n"
     "  peerpost enrol\n"
     "  peerpost enrol --certificate bob.cert.pem && peerpost publish\n"
     "  peerpost enrol --rollover\n"},
    {"doctor",
     "peerpost doctor [--json]\n"
     "  Looks at everything that mail needs and says of each thing that fails what it is and what\n"
     "  to do. Exit 69 when something fails.\n"
     "Examples\n"
     "  peerpost doctor\n"},
    {"completion", "peerpost completion bash | zsh | fish\n"
                   "  Prints what a shell needs to complete command lines of peerpost.\n"
                   "Examples\n"
                   "  eval \"$(peerpost completion bash)\"          (in ~/.bashrc)\n"
                   "  peerpost completion fish > ~/.config/fish/completions/peerpost.fish\n"},
    {"trust",
     "peerpost trust [list] [--json] | accept ADDRESS | forget ADDRESS\n"
     "  Which key each of your correspondents is known by. A new key is taken by itself when the\n"
     "  old one expired, was revoked, or vouches for it; else your mail to them is held until you\n"
     "  have asked them and say accept.\n"
     "  accept A     the key that A shows now is right\n"
     "  forget A     take the next one that A shows\n"
     "Examples\n"
     "  peerpost trust\n"
     "  peerpost trust accept bob@uni.example && peerpost queue run\n"},
    {"passphrase",
     "peerpost passphrase [--new-file FILE] | --remove\n"
     "  Puts your keys under a passphrase, or another one, all of them at once.\n"
     "  --new-file FILE  the new one is the first line of FILE (else asked for, or\n"
     "                   $PEERPOST_NEW_PASSPHRASE)\n"
     "  --remove         no passphrase\n"
     "  The present one comes from $PEERPOST_PASSPHRASE, user.passphrase_command, or is asked for.\n"
     "Examples\n"
     "  peerpost passphrase\n"},
    {"export",
     "peerpost export FILE\n"
     "  Writes your keys, old ones too, certificates and your authority's into one file (PKCS#12)\n"
     "  under a passphrase of its own ($PEERPOST_FILE_PASSPHRASE, or asked for).\n"
     "Examples\n"
     "  peerpost export anna.p12\n"},
    {"import", "peerpost import FILE\n"
               "  Takes the keys out of such a file, on another computer of yours.\n"
               "Examples\n"
               "  peerpost import anna.p12 && peerpost fetch\n"},
    {"publish",
     "peerpost publish\n"
     "  Makes your address known: stores your certificate on the k nodes responsible for it.\n"
     "Examples\n"
     "  peerpost publish\n"},
    {"unpublish", "peerpost unpublish\n"
                  "  Takes your certificate out of the network: nobody can write to you any more.\n"
                  "Examples\n"
                  "  peerpost unpublish\n"},
    {"send",
     "peerpost send [-t] [-i] [-f ADDRESS] [--wait] [--] [RECIPIENT...]\n"
     "  Reads a message from standard input, keeps it safe, and sends it. Understands what mail\n"
     "  programs give to sendmail.\n"
     "  -t        recipients from To, Cc and Bcc\n"
     "  -i        a line with a single dot does not end the message\n"
     "  -f A      the sender, when the message has no From\n"
     "  --wait    until all copies are stored, at most two minutes; not for recipients who are\n"
     "            unknown, or whose key has to be accepted first\n"
     "  A recipient whom neither To nor Cc names gets a blind copy of his own.\n"
     "  Exit 0 as soon as the message is safe: `sent 5/5`, or `queued 2/5` when the rest is left\n"
     "  to the next send, fetch or queue run; 67 when no recipient exists.\n"
     "Examples\n"
     "  peerpost send -t < letter.eml\n"
     "  echo 'Subject: tea?' | peerpost send bob@uni.example\n"
     "  mutt: set sendmail = \"peerpost send\"\n"},
    {"queue",
     "peerpost queue list [--json] | run | drop ID...\n"
     "  Messages not yet on all their nodes: shows them, tries them all now, or gives one up.\n"
     "Examples\n"
     "  peerpost queue list\n"
     "  peerpost queue run\n"
     "  peerpost queue drop 3k5v7q\n"},
    {"status",
     "peerpost status [--offline] [--json] [ID...]\n"
     "  What became of the messages you sent: for each recipient queued or stored m of k, fetched,\n"
     "  expired (unread at the end of its life; a report comes too) or failed. Asks the nodes.\n"
     "  --offline  only what is known already\n"
     "Examples\n"
     "  peerpost status\n"
     "  peerpost status --json 3k5v7q\n"},
    {"fetch",
     "peerpost fetch [--headers-only] [--keep] [--json]\n"
     "  Collects your mail into the Maildir and takes it off the nodes.\n"
     "  --headers-only  learn what there is; bodies stay on the nodes for the next fetch\n"
     "  --keep          deliver, but leave the bodies on the nodes\n"
     "  Exit 75 when so many holders of the inbox did not answer that mail may be missing, or when\n"
     "  no good copy of a message could be had; nothing is lost, fetch again later.\n"
     "Examples\n"
     "  peerpost fetch\n"
     "  peerpost fetch --headers-only && peerpost list\n"},
    {"chat",
     "peerpost chat [--json] [--stay] [--last N] ADDRESS\n"
     "  Short messages: a line you type is at ADDRESS at once when a chat with you is open there,\n"
     "  else it waits in the inbox and arrives as a small mail. Sealed and signed as all mail;\n"
     "  what nobody vouches for is not shown. Lines are kept in the Maildir folder .Chat.\n"
     "  In a pipe each line of the input is said, each line heard is printed; it ends when what\n"
     "  was said is on enough nodes.\n"
     "  --stay    go on listening after the end of the input\n"
     "  --last N  show the last N lines first; on a terminal 5\n"
     "  /quit ends; //text says /text.\n"
     "Examples\n"
     "  peerpost chat bob@uni.example\n"
     "  echo 'build is green' | peerpost chat ops@uni.example\n"},
    {"list", "peerpost list [--junk] [--json]\n"
             "  Your mail: what is in the Maildir, and what only its header is known of.\n"
             "  N new, W its body waits on the nodes, S signed by its sender, ! a bad signature.\n"
             "  --junk  what the filters put into the Junk folder instead\n"
             "Examples\n"
             "  peerpost list\n"},
    {"show", "peerpost show NUMBER | FILE\n"
             "  A message in readable form, by its number in the list.\n"
             "Examples\n"
             "  peerpost show 3\n"},
    {"lookup",
     "peerpost lookup [--accept] [--json] ADDRESS\n"
     "  Finds and checks a certificate. --accept takes a new key for an address known before.\n"
     "Examples\n"
     "  peerpost lookup bob@uni.example\n"},
    {"maintain",
     "peerpost maintain [--if-due] [--drop OBJECT] [--json]\n"
     "  Makes sure that your certificate, and the mail that you fetched with --keep, are on the\n"
     "  nodes closest to them, and that their lives do not run out. To be run once a day.\n"
     "  --if-due       only when the last round was about a day ago\n"
     "  --drop OBJECT  that mail shall stay on the nodes no longer\n"
     "  --json         one line for each object, and one for the whole\n"
     "  Exit 75 when something is not on all its nodes: the next round goes on.\n"
     "Examples\n"
     "  peerpost maintain\n"
     "  0 4 * * * peerpost maintain        (a line of crontab)\n"},
    {"probe",
     "peerpost probe [--samples N] [--json]\n"
     "  Stores a few small objects on the nodes and asks for those of earlier runs: how often a\n"
     "  copy can be had, and so how many copies of a mail are enough. Run it now and then; with\n"
     "  copies.bodies: adaptive, your mails get as many copies as it found.\n"
     "  --samples N    new objects to store (default: probe.samples)\n"
     "Examples\n"
     "  peerpost probe\n"
     "  peerpost probe --samples 0 --json\n"},
    {"sync",
     "peerpost sync [--full] [--deletions] [--json]\n"
     "  Makes the mailbox the same on all your computers: what changed in the Maildir here is\n"
     "  told to the others, what they did is done here. fetch, maintain and serve do it too.\n"
     "  Wants devices.sync: true on each of them; a new one needs your key (peerpost import).\n"
     "  --full       looks for everything again, as maintain does once a day\n"
     "  --deletions  all mail is gone from the Maildir here, and shall be so everywhere\n"
     "  Exit 75 when a message is not in place yet: synchronise again later.\n"
     "Examples\n"
     "  peerpost sync\n"
     "  peerpost import keys.p12 && peerpost sync      (on a second computer)\n"},
    {"devices", "peerpost devices [--json]\n"
                "  Your computers that share the mailbox, and when each last told of a change.\n"
                "Examples\n"
                "  peerpost devices\n"},
    {"quarantine",
     "peerpost quarantine [list] [--json] | release ID... | drop ID...\n"
     "                    | accept ADDRESS... | forget ADDRESS...\n"
     "  Mail that was not delivered: with a virus, or of a stranger who has not confirmed.\n"
     "  release  into your mailbox after all; drop: away with it\n"
     "  accept   that sender is known from now on; forget takes it back\n"
     "Examples\n"
     "  peerpost quarantine\n"
     "  peerpost quarantine release 3f2a91c0\n"
     "  peerpost quarantine accept carol@uni.example && peerpost fetch\n"},
    {"train",
     "peerpost train --spam|--ham MESSAGE...\n"
     "  Teaches your spam filter, and moves the message into the Junk folder or out of it.\n"
     "  MESSAGE is a number of peerpost list, jN of peerpost list --junk, or a file.\n"
     "Examples\n"
     "  peerpost train --spam 3\n"
     "  peerpost train --ham j1\n"},
    {"serve",
     "peerpost serve [--json]\n"
     "peerpost serve --password\n"
     "  Stays, fetches every serve.poll, sends what is spooled at once, and answers mail readers\n"
     "  on this computer. Other commands work beside it.\n"
     "  --password  print the password that mail readers log in with\n"
     "Example\n"
     "  peerpost serve &\n"},
    {"sign",
     "peerpost sign METHOD URL [--pragma VALUE] [--confirm VALUE]\n"
     "  Prints the options with which curl makes a signed request to a node, quoted for a shell.\n"
     "Examples\n"
     "  eval curl -k --connect-to ::127.0.0.1:4743 $(peerpost sign --pragma read-inbox \\\n"
     "    GET https://$NODE_ID.peerpost.alt/bob@uni.example)\n"},
};

static const char whole[] =
    "peerpost - serverless e-mail\n"
    "\n"
    "  peerpost join INVITATION ADDRESS  how to begin\n"
    "  peerpost enrol               make your key and a request for a certificate\n"
    "  peerpost publish             make your address known; unpublish takes it back\n"
    "  peerpost send [-t] [TO...]   send the message on standard input\n"
    "  peerpost fetch               collect your mail into the Maildir\n"
    "  peerpost list, show          read it\n"
    "  peerpost chat ADDRESS        short messages\n"
    "  peerpost queue list|run|drop what is still on its way\n"
    "  peerpost status              what became of what you sent\n"
    "  peerpost lookup ADDRESS      find somebody's certificate\n"
    "  peerpost quarantine, train   what the filters kept from you; teach them\n"
    "  peerpost maintain            keep certificate and kept mail on their nodes (once a day)\n"
    "  peerpost probe               how reliable the nodes are, how many copies are enough\n"
    "  peerpost sync, devices       the same mailbox on all your computers\n"
    "  peerpost serve               mail in the background, for mail readers\n"
    "  peerpost doctor              what is wrong, and what to do\n"
    "  peerpost completion SHELL    completion of command lines for bash, zsh, fish\n"
    "  peerpost trust               which key each correspondent is known by\n"
    "  peerpost passphrase          put your keys under a passphrase\n"
    "  peerpost export, import      your keys in one file, for another computer\n"
    "  peerpost sign METHOD URL     sign a request for curl\n"
    "\n"
    "Options before the command\n"
    "  --config FILE  the configuration (default: $PEERPOST_CONFIG, else\n"
    "                 ~/.config/peerpost/config.yaml)\n"
    "  --json         output for programs\n"
    "  --print-config every option at its default, as YAML\n"
    "  --version, --help; peerpost COMMAND --help shows examples\n"
    "\n"
    "Example\n"
    "  peerpost send -t < letter.eml && peerpost fetch\n";

const char *cli_help(const char *command)
{
    for (size_t i = 0; command && i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].command, command) == 0) {
            return texts[i].text;
        }
    }
    return whole;
}
