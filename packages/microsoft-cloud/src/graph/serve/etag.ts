import { createHash } from 'node:crypto';
import type { Row } from '../declaration.ts';

/** The version of an object, from its content. */
export function etagOf(row: Row): string {
  const { '@odata.etag': known, ...content } = row;
  if (typeof known === 'string') return known;
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22);
  return `W/"${digest}"`;
}
