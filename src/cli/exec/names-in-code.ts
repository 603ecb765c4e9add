import { UsageError } from '../run-program.ts';

interface Interpreter {
  readonly program: RegExp;
  /** An option with code in it or after it. Absent: all arguments are code. */
  readonly option?: RegExp;
  /** An option with a file of code. If it comes before `option`, no argument is code; without it, all are. */
  readonly file?: RegExp;
}

/** Programs that run an argument as code. PowerShell takes five signs for a hyphen. */
const interpreters: readonly Interpreter[] = [
  {
    program: /^(?:sh|ash|bash|csh|dash|elvish|fish|ksh|mksh|nu|tcsh|xonsh|yash|zsh)$/,
    option: /^-[a-z]*c[a-z]*$|^--commands?\b/i,
  },
  { program: /^(?:cmd|script|ssh|su|watch)$/ },
  {
    program: /^(?:pwsh|powershell)$/,
    option: /^[-/–—―]-?(?:c|co[a-z]*|ec?|en[a-z]*)$/i,
    file: /^[-/–—―]-?(?:f|fi|fil|file)$/i,
  },
  { program: /^(?:[gmn]?awk|g?sed)$/, option: /^(?:-e|--expression|--source)/, file: /^(?:-f|--file)/ },
  { program: /^env$/, option: /^(?:-[a-z]*S|--split-string)/i },
  { program: /^(?:node|bun)$/, option: /^(?:-[a-z]*[ep]|--eval|--print)(?:=|$)/ },
  { program: /^deno$/, option: /^eval$/ },
  { program: /^(?:python|pypy)[0-9.]*$/, option: /^-[A-Za-z]*c/ },
  { program: /^(?:ruby|perl|lua|osascript|rscript)[0-9.]*$/, option: /^-[A-Za-z0-9]*e/i },
  { program: /^php[0-9.]*$/, option: /^(?:-[rRBE]|--(?:run|process-))/ },
];

/** The name of a program, without its folder and the ending of Windows. */
const nameOf = (program: string): string => (/[^/\\]*$/.exec(program)?.[0] ?? '').toLowerCase().replace(/\.exe$/, '');

/**
 * Customers choose their names, so a name must never become code.
 * @throws UsageError if an argument with {name} is, or may be, code for a shell or another interpreter.
 */
export function refuseNamesInCode(program: string, args: readonly string[]): void {
  const words = [program, ...args];
  // Programs such as env and sudo start an interpreter that is an argument of theirs.
  for (const [at, word] of words.entries()) {
    const found = interpreters.find(({ program: known }) => known.test(nameOf(word)));
    if (found !== undefined && codeOf(found, words.slice(at + 1)).some((code) => code.includes('{name}')))
      throw new UsageError(
        `${word} would run the name of a customer as code. Read PTB_TENANT_NAME in it instead of {name}.`,
      );
  }
}

function codeOf({ option, file }: Interpreter, args: readonly string[]): readonly string[] {
  if (option === undefined) return args;
  if (file !== undefined) {
    const first = args.find((arg) => option.test(arg) || file.test(arg));
    return first !== undefined && file.test(first) ? [] : args;
  }
  const code: string[] = [];
  let isAwaited = false;
  let wasOption = false;
  for (const arg of args) {
    const isOption = /^[-+]/.test(arg);
    if (option.test(arg) || isAwaited) {
      code.push(arg);
      isAwaited = option.test(arg) || isOption;
      // A word after an option may be its value.
    } else if (!isOption && !wasOption) break;
    wasOption = isOption;
  }
  return code;
}
