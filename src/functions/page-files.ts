import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type StaticFile, staticFile } from '../lib/api/page-answer.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The pages with their scripts and styles. Each file is read once. */
export interface PageFiles {
  /** Returns undefined if there is no such file. */
  find(name: string): Promise<StaticFile | undefined>;
}

export function createPageFiles(folder: string): PageFiles {
  const files = new Map<string, StaticFile>();
  return {
    find: async (name) => {
      const known = files.get(name);
      if (known !== undefined) return known;
      const contentType = contentTypes[extname(name)];
      // Only a plain file name: it cannot lead out of the folder.
      if (contentType === undefined || !/^[a-z][a-z0-9-]*\.[a-z]+$/.test(name)) return undefined;
      try {
        const file = staticFile(await readFile(join(folder, name), 'utf8'), contentType);
        files.set(name, file);
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
