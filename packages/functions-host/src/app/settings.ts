import { existsSync, readFileSync } from 'node:fs';
import { HostStartError } from '../options.ts';

/**
 * The `Values` of a local settings file, or the members of a plain JSON object. An absent file gives none, unless it is
 * required.
 * @throws HostStartError when it is not such a file.
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
  const holder = document as { IsEncrypted?: unknown; Values?: unknown } | null;
  if (holder?.IsEncrypted === true)
    throw new HostStartError(`${path} is encrypted; decrypt it with \`func settings decrypt\`.`);
  const values = holder?.Values ?? holder;
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw new HostStartError(`${path} holds no settings.`);
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'object') throw new HostStartError(`${path}: the setting ${name} is not a text.`);
    settings[name] = String(value);
  }
  return settings;
}
