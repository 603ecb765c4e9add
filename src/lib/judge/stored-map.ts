import { hash } from 'node:crypto';
import type { PermissionMap } from 'graph-permissions/permission-map';
import * as z from 'zod';
import { safeParse } from '../core/json.ts';
import { parseJson } from '../core/outbound.ts';

/** Where a permission map comes from. */
export interface MapOrigin {
  /** Address or file name that it was read from. */
  readonly source: string;
  /** ISO 8601. */
  readonly retrievedAt: string;
  /** SHA-256 of the published file, hexadecimal. */
  readonly sha256: string;
}

/** A published map in its prebuilt form, with its origin. */
export interface StoredMap {
  readonly origin: MapOrigin;
  readonly map: PermissionMap;
}

/** Largest text that is read, in characters. Microsoft's file takes about 350,000. */
export const maximumStoredLength = 8_000_000;

const header = z.object({
  source: z.string().min(1),
  retrievedAt: z.iso.datetime(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** SHA-256 of the second line. */
  mapSha256: z.string(),
});

/** The text that is stored: one line with the origin, and one with the map. */
export function writeStoredMap({ origin, map }: StoredMap): string {
  const text = storePermissionMap(map);
  const { source, retrievedAt, sha256 } = origin;
  return `${JSON.stringify({ source, retrievedAt, sha256, mapSha256: digest(text) })}\n${text}`;
}

/** @throws Error that says what is wrong, for a text that was cut off, changed or has another format. */
export function readStoredMap(text: string): StoredMap {
  const end = text.indexOf('\n');
  const parsed = safeParse(header, parseJson(text.slice(0, Math.max(end, 0))));
  if (!parsed.success || text.length > maximumStoredLength) {
    throw new Error('The stored permission map has another format; run `ptb permissions update` again.');
  }
  const { mapSha256, ...origin } = parsed.data;
  const json = text.slice(end + 1);
  if (digest(json) !== mapSha256) {
    throw new Error('The stored permission map was changed or cut off; run `ptb permissions update` again.');
  }
  return { origin, map: loadPermissionMap(json) };
}

const digest = (text: string): string => hash('sha256', text, 'hex');

/**
 * Reads the prebuilt form. The caller has checked the text's digest, so only its format is checked.
 * @throws Error for a text of another format.
 */
export function loadPermissionMap(json: string): PermissionMap {
  const map = JSON.parse(json) as Partial<PermissionMap>;
  if (map.format !== 1 || !Array.isArray(map.root)) {
    throw new Error('The stored permission map has another format; run `ptb permissions update` again.');
  }
  return map as PermissionMap;
}

/** The prebuilt form of a map. */
export const storePermissionMap = (map: PermissionMap): string => JSON.stringify(map);
