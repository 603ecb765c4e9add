import type { CallToolResult } from '@modelcontextprotocol/server';
import { check } from '../call.ts';
import { recordRefusals, type RefusalDeps } from '../pipeline.ts';
import type { RouteContract } from '../route.ts';
import { adviceFor, BrokerError, type ErrorCode, errorTable, toBrokerError } from '../../core/errors.ts';
import { type Caller, identityOf } from '../../core/caller.ts';
import type { JobRegistry } from '../../runs/job/job.ts';
import { parseRunId } from '../../runs/store/run.ts';
import { errorFields, type Logger, scrub } from '../../core/log.ts';
import {
  type Ask,
  dataNotice,
  framedText,
  maxDataBytes,
  type Named,
  plainValue,
  sizeOf,
  type Tool,
  type ToolResult,
} from './tool.ts';

export interface CallDeps extends RefusalDeps {
  readonly jobs: JobRegistry;
}

/** Who calls a tool, and how. */
export interface ToolCaller {
  readonly caller: Caller;
  /** What the client calls itself. */
  readonly client: string | undefined;
  readonly correlationId: string;
  readonly log: Logger;
  /** The route that serves the protocol. */
  readonly route: RouteContract;
  readonly ask: Ask;
}

/**
 * Calls a tool. It runs only after the call is on record. A failure is a result, so that the model reads the reason.
 * @param given the arguments as the client sent them.
 */
export async function callTool(
  deps: CallDeps,
  tool: Tool,
  given: unknown,
  { ask, client, ...who }: ToolCaller,
): Promise<CallToolResult> {
  const { clock, jobs } = deps;
  try {
    const refused = { ...who, method: who.route.method };
    const input = await recordRefusals(deps, refused, ['request_invalid'], async () =>
      check(wellFormed(given ?? {}), tool.input, 'arguments'),
    );
    await record(deps, tool, tool.about?.(input) ?? {}, { ...who, client });
    return resultOf(bounded(await tool.run(input, { ask, clock, jobs, client })), deps.newId());
  } catch (thrown) {
    const error = toBrokerError(thrown);
    const { code } = error;
    who.log.log(code === 'internal' ? 'error' : 'warn', 'mcp.tool_failed', {
      tool: tool.name,
      ...errorFields(thrown),
    });
    return failureOf(error, who.correlationId, deps.newId());
  }
}

/** @throws BrokerError audit_unavailable */
async function record(
  { audit, clock, newId }: CallDeps,
  { name }: Tool,
  { tenantAsked, path, run }: Named,
  { caller, client, correlationId }: Pick<ToolCaller, 'caller' | 'client' | 'correlationId'>,
): Promise<void> {
  await audit.record({
    kind: 'tool',
    outcome: 'called',
    tool: name,
    ...(client === undefined ? {} : { client }),
    ...(tenantAsked === undefined ? {} : { tenantAsked: scrub(tenantAsked) }),
    ...(path === undefined ? {} : { path: scrub(path) }),
    // Any other text may be a secret that was pasted by mistake.
    ...(run === undefined || parseRunId(run) === undefined ? {} : { run }),
    atMs: clock.nowMs(),
    correlationId,
    tokenId: newId(),
    caller: identityOf(caller),
    scopes: [],
  });
}

/**
 * Halves of characters cannot be part of an address or a header.
 * @throws BrokerError request_invalid
 */
function wellFormed(given: unknown): unknown {
  if (isWellFormed(given)) return given;
  throw new BrokerError('request_invalid', 'arguments: a text has half of a character (an unpaired surrogate).');
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, item]) => name.isWellFormed() && isWellFormed(item));
}

/** Beyond the data there are counts, continuations and links. */
const maxResultBytes = maxDataBytes * 1.5;

/** Tools keep to the limit themselves. This holds even if one does not. */
function bounded(result: ToolResult): ToolResult {
  const bytes = sizeOf(result.data);
  if (bytes <= maxResultBytes) return result;
  const notes = ['The answer was too large and is left out. Ask for less.'];
  return { isError: true, notes, data: { bytes } };
}

/** Both forms of the result: some clients show the structured one to the model, others the text. */
function resultOf({ notes = [], data, isError = false }: ToolResult, mark: string): CallToolResult {
  // Undefined members have no place in JSON.
  const plain = JSON.parse(JSON.stringify(plainValue(data))) as Record<string, unknown>;
  const text = [...notes, framedText(plain, mark)].join('\n');
  return {
    content: [{ type: 'text', text }],
    ...(isError ? { isError } : { structuredContent: { notice: dataNotice, data: plain } }),
  };
}

/** Advice that would send an agent to what it has not. */
const otherAdvice: Partial<Readonly<Record<ErrorCode, string>>> = {
  approval_ended:
    'Tell the user. No tool asks a second time. Whoever has the same sign-in can, with `ptb request --ask-again`.',
  reason_required: 'Tell the user. Only a person may declare an emergency: no tool does.',
};

/** The detail may quote names and answers from outside. */
function failureOf({ code, detail, retryAfterSeconds }: BrokerError, correlationId: string, mark: string) {
  const advice = otherAdvice[code] ?? adviceFor(code, 'caller');
  const data = { code, detail, correlationId, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
  const text = [`${errorTable[code].title} (${code}). ${advice}`, framedText(plainValue(data), mark)].join('\n');
  return { content: [{ type: 'text' as const, text }], isError: true };
}
