import { notTheFile, parsePublishedFile as parse, type PublishedMap } from 'graph-permissions/published-file';
import { duplicateKey } from '../core/duplicate-key.ts';

/**
 * Reads Microsoft's published permission file for the judge. Another parser than ours may read another value of a key that
 * an object contains twice, so such a file is refused.
 * @throws Error as the parser of the file, and for a key that stands twice.
 */
export function parsePublishedFile(json: string): PublishedMap {
  const read = parse(json);
  const twice = duplicateKey(json);
  if (twice !== undefined) throw new Error(`${notTheFile} An object contains the key "${twice}" twice.`);
  return read;
}
