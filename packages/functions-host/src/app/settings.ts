import { existsSync, readFileSync } from 'node:fs';
import { HostStartError } from '../runtime/host-start-error.ts';

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
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new HostStartError(`${path} is not valid JSON.`, { cause: error });
  }
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
