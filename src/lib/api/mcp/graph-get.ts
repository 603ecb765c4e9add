import * as z from 'zod';
import { reasonSchema } from '../../core/justification.ts';
import { BrokerError } from '../../core/errors.ts';
import { nestingDepth } from '../../core/duplicate-key.ts';
import { parseJson } from '../../core/outbound.ts';
import type { RouteAnswer } from './ask.ts';
import { fit, maxDataBytes, shortened, shortenedNote, sizeOf } from './bounds.ts';
import { defineTool, type ToolResult, withoutQuery } from './tool.ts';

/** Levels of an answer. Deeper ones overflow the stack of code that walks them. */
const maxDepth = 64;

const input = z.strictObject({
  tenant: z.string().min(1).max(253).meta({ description: 'Tenant id, or a domain of the tenant.' }),
  path: z
    .string()
    .max(16_000)
    .refine((text) => /^\/(?:v1\.0|beta)\//i.test(text), 'must start with /v1.0/ or /beta/')
    .meta({
      description:
        'Path and query at Microsoft Graph, percent-encoded, such as /v1.0/users?$select=id,displayName&$top=50; or nextPath of the previous answer, unchanged.',
    }),
  consistencyEventual: z.boolean().optional().meta({
    description: 'Sends ConsistencyLevel: eventual, which $search, $count and some filters need.',
  }),
  reason: reasonSchema.optional().meta({
    description: 'Why, in one line, for the person who approves. Only if the access policy asks for an approval.',
  }),
});

const output = z.object({
  status: z.int().meta({ description: 'HTTP status of Microsoft Graph. 202 with approval: not sent yet.' }),
  body: z.unknown().meta({ description: 'JSON or text of the answer, cut if it was too large.' }),
  nextPath: z.string().optional().meta({ description: 'Path of the next page. Absent on the last page.' }),
  approval: z
    .object({ approvalId: z.string(), detail: z.string(), expiresAt: z.string() })
    .optional()
    .meta({ description: 'Set if a person must approve first. Nothing was sent.' }),
});
type Data = z.input<typeof output>;

export const graphGet = defineTool({
  name: 'graph_get',
  title: 'Read from Microsoft Graph in one tenant',
  description:
    'Sends one GET request to Microsoft Graph in one customer tenant, under the permissions of your rule in the access policy, and returns the answer. It cannot change anything. Select few properties ($select) and use $top, because long answers are cut. A refusal says what the rule lacks.',
  roles: ['Requests.Send'],
  onlyReads: true,
  input,
  output,
  about: ({ tenant, path }) => ({ tenantAsked: tenant, path: withoutQuery(path) }),
  run: async ({ tenant, path, consistencyEventual, reason }, { ask }) => {
    const headers = {
      ...(consistencyEventual === true ? { consistencylevel: 'eventual' } : {}),
      ...(reason === undefined ? {} : { 'x-reason': encodeURIComponent(reason) }),
    };
    const answer = await ask({ route: 'gateway', path: { tenant, resource: 'graph' }, rest: path, headers });
    if (answer.status === 202 && answer.headers['x-approval-id'] !== undefined) return pending(answer);
    return answer.status >= 300 ? refused(answer) : read(answer);
  },
});

function pending({ status, text }: RouteAnswer): ToolResult<Data> {
  const { approvalId, detail, expiresAt } = JSON.parse(text) as NonNullable<Data['approval']>;
  return {
    notes: ['Nothing was sent: a person must approve the request first. Tell the user. Do not repeat it before.'],
    data: { status, body: null, approval: { approvalId, detail, expiresAt } },
  };
}

function refused({ status, headers, text }: RouteAnswer): ToolResult<Data> {
  // A date is possible, too.
  const wait = Number(headers['retry-after']);
  const later = wait > 0 ? ` Wait ${wait} seconds before you repeat it.` : '';
  return {
    isError: true,
    notes: [`Microsoft Graph answered with HTTP ${status}.${later}`],
    data: { status, body: shortened(contentOf(headers, text)) },
  };
}

function read({ status, headers, text }: RouteAnswer): ToolResult<Data> {
  const body = contentOf(headers, text);
  if (!isObject(body)) return whole(status, body);
  const { '@odata.context': _, '@odata.nextLink': link, ...rest } = body;
  const nextPath = typeof link === 'string' ? pathOfLink(link) : undefined;
  const next = nextPath === undefined ? {} : { nextPath };
  const { value: list, ...others } = rest;
  if (!Array.isArray(list)) return whole(status, rest, next);
  const beside = shortened(others, maxDataBytes / 4) as typeof others;
  const { items, leftOff, isShortened } = fit<unknown>(list, maxDataBytes - sizeOf(beside));
  const isCut = leftOff > 0 || isShortened;
  const notes = [
    ...(isCut ? [cutNote(items.length, list.length)] : []),
    ...(beside === others && !isShortened ? [] : [shortenedNote]),
  ];
  // The next page begins after all items, so a page that was cut leads nowhere.
  return { notes, data: { status, body: { ...beside, value: items }, ...(isCut ? {} : next) } };
}

/** An answer that is no list. */
function whole(status: number, body: unknown, next: Pick<Data, 'nextPath'> = {}): ToolResult<Data> {
  const shown = shortened(body);
  return { notes: shown === body ? [] : [shortenedNote], data: { status, body: shown, ...next } };
}

const cutNote = (shown: number, of: number): string =>
  `The answer was too large: ${shown} of ${of} items are shown. Ask again with $select, and with $top=${Math.max(1, shown)} to page through all.`;

/** @throws BrokerError resource_error for what is neither JSON nor text. */
function contentOf(headers: RouteAnswer['headers'], text: string): unknown {
  const type = headers['content-type'] ?? '';
  if (text === '') return null;
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) {
    if (nestingDepth(text) > maxDepth)
      throw new BrokerError('resource_error', `The answer is nested deeper than ${maxDepth} levels.`);
    // Some services begin with a byte order mark.
    const value = parseJson(text.replace(/^\uFEFF/, ''));
    if (value !== undefined) return value;
    throw new BrokerError('resource_error', 'Microsoft Graph answers with JSON that cannot be read.');
  }
  if (/^text\//i.test(type)) return text;
  throw new BrokerError('resource_error', 'The answer is neither JSON nor text, which this tool does not return.');
}

/** A link leads to the gateway: `https://HOST/api/gateway/TENANT/graph/v1.0/…`. */
const pathOfLink = (link: string): string | undefined => /\/api\/gateway\/[^/]+\/[^/]+(\/.*)$/.exec(link)?.[1];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
