import { existsSync } from 'node:fs';
import * as z from 'zod';
import { HostStartError } from '../runtime/host-start-error.ts';
import { readJsonFile } from './json-file.ts';

/**
 * Reads app settings from the `Values` of a file like local.settings.json, or from the members of a plain JSON object.
 * @param required whether a missing file is an error. Otherwise a missing file has no settings.
 * @throws HostStartError when the file cannot be used.
 */
export function readSettingsFile(path: string, { required = false } = {}): Record<string, string> {
  if (!existsSync(path)) {
    if (required) throw new HostStartError(`There is no settings file ${path}.`);
    return {};
  }
  const document = readJsonFile(path);
  const file = document as { IsEncrypted?: unknown; Values?: unknown } | null;
  if (file?.IsEncrypted === true)
    throw new HostStartError(`${path} is encrypted. Decrypt it with \`func settings decrypt\`.`);
  const values = file?.Values ?? file;
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new HostStartError(`${path} contains no settings.`);
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'object') throw new HostStartError(`${path}: the setting ${name} is not a string.`);
    settings[name] = String(value);
  }
  return settings;
}

/** Which web pages may call the functions. */
export interface CorsSettings {
  /** `*` allows every origin. */
  readonly origins: readonly string[];
  readonly credentials: boolean;
}

const hostSection = z.looseObject({
  LocalHttpPort: z.coerce.number().int().min(0).max(65_535).optional(),
  CORS: z.string().optional(),
  CORSCredentials: z.union([z.boolean(), z.stringbool()]).optional(),
});

/**
 * Reads `Host` of a local.settings.json: `LocalHttpPort`, `CORS` and `CORSCredentials`. A missing file has none.
 * @throws HostStartError when the file cannot be used.
 */
export function readHostSection(path: string): { port: number | undefined; cors: CorsSettings | undefined } {
  const document = existsSync(path) ? (readJsonFile(path) as { Host?: unknown } | null) : null;
  const parsed = hostSection.safeParse(document?.Host ?? {});
  if (!parsed.success)
    throw new HostStartError(`${path}: Host.${parsed.error.issues[0]?.path.join('.') ?? ''} is not valid.`);
  const { LocalHttpPort, CORS, CORSCredentials } = parsed.data;
  const origins = (CORS ?? '').split(',').map((origin) => origin.trim().replace(/\/$/, ''));
  const listed = origins.filter((origin) => origin !== '');
  return {
    port: LocalHttpPort,
    cors: listed.length === 0 ? undefined : { origins: listed, credentials: CORSCredentials === true },
  };
}
