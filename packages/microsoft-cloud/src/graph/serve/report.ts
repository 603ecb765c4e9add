import { randomBytes } from 'node:crypto';
import type { CloudClock } from '../../clock.ts';
import { json, type Reply } from '../../web/http.ts';
import type { Row } from '../declaration.ts';

/** How long the address of a report works, milliseconds. */
const validMs = 5 * 60_000;
/** Reports that wait to be fetched. The oldest is dropped. */
const maxWaiting = 200;

/** Reports that were asked for. Their addresses work without a token, as those of the real service do. */
export interface Reports {
  /** Stores a report. @returns the path at which it can be fetched for some minutes. */
  publish(name: string, text: string): string;
  /** @returns undefined for another path; 404 for a report that is too old. */
  fetch(path: string): Reply | undefined;
}

const folder = '/reports/download/';

export function createReports(clock: CloudClock): Reports {
  const waiting = new Map<string, { readonly name: string; readonly text: string; readonly untilMs: number }>();
  return {
    publish: (name, text) => {
      const id = randomBytes(24).toString('base64url');
      waiting.set(id, { name, text, untilMs: clock.nowMs() + validMs });
      const [oldest] = waiting.keys();
      if (waiting.size > maxWaiting && oldest !== undefined) waiting.delete(oldest);
      return `${folder}${id}`;
    },
    fetch: (path) => {
      if (!path.startsWith(folder)) return undefined;
      const found = waiting.get(path.slice(folder.length));
      if (found === undefined || found.untilMs < clock.nowMs()) return json(404, { error: 'The report is not there.' });
      return {
        status: 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="${found.name}.csv"`,
        },
        body: found.text,
      };
    },
  };
}

/** CSV with a byte order mark, as Graph's reports have one. */
export const csvOf = (lines: readonly (readonly string[])[]): string =>
  `\uFEFF${lines.map((line) => line.map(quoted).join(',')).join('\r\n')}\r\n`;

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * The lines as objects, for `$format=application/json`. Names and types are those of the examples of the report's pages:
 * `Storage Used (Byte)` is `storageUsedInBytes`.
 */
export function objectsOf(lines: readonly (readonly string[])[]): readonly Row[] {
  const [head = [], ...rows] = lines;
  const names = head.map(propertyName);
  const objects = rows.map((row) =>
    Object.fromEntries(names.map((name, at) => [name, valueOf(name, row[at] ?? '')] as const)),
  );
  return names.includes('productType') ? objects.map(withCounts) : objects;
}

/** "office365ActivationsUserDetail": what belongs to a product is in a list. */
function withCounts({ reportRefreshDate, userPrincipalName, displayName, ...count }: Row): Row {
  return { reportRefreshDate, userPrincipalName, displayName, userActivationCounts: [count] };
}

/** Names that do not follow from the columns. */
const irregularNames: Readonly<Record<string, string>> = {
  'Deleted Item Quota (Byte)': 'deletedItemQuota',
  iOS: 'ios',
};

function propertyName(column: string): string {
  const irregular = irregularNames[column];
  if (irregular !== undefined) return irregular;
  const words = column.replace('(Byte)', 'In Bytes').match(/[A-Za-z0-9]+/g) ?? [];
  // `OneDrive` keeps its capital letters, `URL` does not.
  const capital = (word: string): string =>
    /^[A-Z]+$/.test(word) ? word.charAt(0) + word.slice(1).toLowerCase() : word.charAt(0).toUpperCase() + word.slice(1);
  const name = words.map(capital).join('');
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function valueOf(name: string, text: string): unknown {
  if (name === 'assignedProducts') return text === '' ? [] : text.split('+');
  if (text === '') return null;
  if (/^(?:is|has|activatedOn)[A-Z]/.test(name)) return text === 'True' || text === 'Yes';
  return /^\d{1,15}$/.test(text) && name !== 'reportPeriod' ? Number(text) : text;
}
