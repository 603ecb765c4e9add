import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { adviceOnPage } from '../../../../dashboard/app/api-failure.ts';
import { nextStep } from '../../../../src/cli/command-failure.ts';
import { registerCommands } from '../../../../src/cli/commands/index.ts';
import { adviceForAgent } from '../../../../src/lib/api/mcp/serve-mcp.ts';
import { tools } from '../../../../src/lib/api/mcp/tools.ts';
import { errorCodes, setupErrorCodes } from '../../../../src/lib/core/error-table.ts';
import { adviceFor, BrokerError, type ErrorCode, SetupError } from '../../../../src/lib/core/errors.ts';
import { projectRoot } from '../../../paths.ts';

const module = join(projectRoot, 'clients/powershell/PartnerTokenBroker');
const moduleErrors = readFileSync(join(module, 'Private/Errors.ps1'), 'utf8');
const cmdlets = [...readFileSync(join(module, 'PartnerTokenBroker.psd1'), 'utf8').matchAll(/'(\w+-Partner\w+)'/g)].map(
  ([, name = '']) => name,
);

/** The advice that the module has in place of the broker's. */
const commandAdvice = new Map(
  [
    ...(/\$script:CommandAdvice = @\{([^]*?)\n\}/.exec(moduleErrors)?.[1] ?? '').matchAll(
      /^ +(\w+) += (['"])(.*)\2$/gm,
    ),
  ].map(([, code = '', , text = '']) => [code, text] as const),
);
/** The advice about failures that the module finds itself. */
const moduleAdvice = [...moduleErrors.matchAll(/^ {4}\w+ += @\('\w+', '[^']*', '([^']*)'\)$/gm)].map(
  ([, text]) => text,
);

/** What an advice may speak of, and by which words it is known. */
const things = {
  'a route': /\b(?:GET|POST|PUT|PATCH|DELETE) \/|\/api\b/,
  'a header of a request or an answer': /\bAuthorization\b|\bRetry-After\b|\bheaders? x-/,
  'a member of a body': /\b(?:askAgain|breakGlass): /,
  'a member of a result': /\bretryAfterSeconds\b/,
  'the member detail': /\bdetail\b/,
  'a tool': new RegExp(`\\b(?:${tools.map(({ name }) => name).join('|')})\\b`),
  'a cmdlet': /\b[A-Z]\w+-Partner\w+/,
  'a property of an error record': /\bRetryAfterSeconds\b/,
  'a command': /\bptb\b/,
  'a setting': /\b[A-Z]+_[A-Z]+\b/,
  'a browser': /\bbrowser\b/,
  'a page': /\bpage of the\b/,
} as const;
type Thing = keyof typeof things;

interface Surface {
  readonly has: readonly Thing[];
  readonly advice: (code: ErrorCode) => string;
  /** Codes that it cannot show. */
  readonly without?: readonly ErrorCode[];
}

const surfaces: Readonly<Record<string, Surface>> = {
  'an HTTP answer': {
    has: ['a route', 'a header of a request or an answer', 'a member of a body', 'the member detail'],
    advice: (code) => adviceFor(code, 'caller'),
  },
  'a PowerShell command': {
    has: ['a cmdlet', 'a property of an error record'],
    advice: (code) => commandAdvice.get(code) ?? adviceFor(code, 'caller'),
    // No command decides on approvals, and each start has a key of its own.
    without: ['approval_conflict', 'approval_not_found', 'idempotency_key_reused'],
  },
  'a tool of an agent': {
    has: ['a tool', 'a member of a result', 'the member detail', 'a command'],
    advice: adviceForAgent,
    // Whoever has no token reaches no tool, and no tool decides on approvals.
    without: ['caller_unauthenticated', 'approval_conflict', 'approval_not_found'],
  },
  'a command of ptb': {
    has: ['a command', 'a setting'],
    advice: (code) => nextStep(new BrokerError(code, 'What happened.')),
  },
  'the dashboard': { has: ['a command', 'a setting', 'a page'], advice: adviceOnPage },
  'a run, the health report and a notice': {
    has: ['a command', 'a setting'],
    advice: (code) => adviceFor(code, 'operator'),
  },
};

/** What a text speaks of that its reader does not have. */
const missing = (text: string, has: readonly Thing[]): Thing[] =>
  (Object.keys(things) as Thing[]).filter((thing) => !has.includes(thing) && things[thing].test(text));

describe.each(Object.entries(surfaces))('the advice of %s', (_, { has, advice, without = [] }) => {
  it.each(errorCodes.filter((code) => !without.includes(code)))('speaks of what its reader has: %s', (code) => {
    expect(advice(code)).toMatch(/^[A-Za-z`].*\.$/);
    expect(missing(advice(code), has), `advice: ${advice(code)}`).toEqual([]);
  });
});

it.each(setupErrorCodes)('the advice about %s fits every sign-in of a command', (code) => {
  const advice = nextStep(new SetupError(code, 'What happened.'));
  expect(missing(advice, ['a command', 'a setting']), `advice: ${advice}`).toEqual([]);
});

describe('advice that names a program', () => {
  const program = new Command('ptb');
  registerCommands(program);

  it('names commands and options that exist', () => {
    const texts = errorCodes.flatMap((code) => Object.values(surfaces).map(({ advice }) => advice(code)));
    const named = texts.flatMap((text) => [...text.matchAll(/`ptb ([^`]+)`/g)].map(([, words = '']) => words));
    expect(named.length).toBeGreaterThan(20);
    for (const words of new Set(named)) {
      let command = program;
      for (const word of words.split(' ').filter((part) => /^[a-z]/.test(part)))
        command = command.commands.find((child) => child.name() === word) ?? command;
      expect(command, `ptb ${words}`).not.toBe(program);
      for (const option of words.match(/--[\w-]+/g) ?? [])
        expect(
          command.options.map(({ long }) => long),
          `ptb ${words}`,
        ).toContain(option);
    }
  });

  it('names cmdlets that exist', () => {
    const texts = [...commandAdvice.values(), ...moduleAdvice];
    const named = texts.flatMap((text) => text?.match(/\b[A-Z]\w+-Partner\w+/g) ?? []);
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(cmdlets).toContain(name);
  });
});

it('the PowerShell module replaces advice of the broker alone, and what it says itself fits its reader', () => {
  expect([...commandAdvice.keys()].filter((code) => !errorCodes.includes(code as ErrorCode))).toEqual([]);
  expect(moduleAdvice.length).toBeGreaterThan(15);
  for (const text of moduleAdvice) expect(missing(text ?? '', ['a cmdlet']), `advice: ${text}`).toEqual([]);
});
