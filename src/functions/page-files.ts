import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { BrokerError } from '../lib/model/errors.ts';
import { type StaticFile, staticAnswer, staticFile } from '../lib/api/page-answer.ts';
import type { OpenHandler } from '../lib/api/pipeline.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Where the build puts the pages: beside the bundle that this module is part of. */
const pagesFolder = join(import.meta.dirname, 'pages');

/** The pages and what they load, read once each. */
export interface PageFiles {
  /** Undefined where there is no such file. */
  find(name: string): Promise<StaticFile | undefined>;
}

export function createPageFiles(folder: string): PageFiles {
  const files = new Map<string, StaticFile>();
  return {
    find: async (name) => {
      const known = files.get(name);
      if (known !== undefined) return known;
      const contentType = contentTypes[extname(name)];
      // A plain name only: nothing outside the folder has one.
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

const pageFiles = createPageFiles(pagesFolder);

/** A route that answers with one page. */
export const page =
  (name: string, files: PageFiles = pageFiles): OpenHandler =>
  async ({ request }) => {
    const file = await files.find(name);
    if (file === undefined) throw new Error(`the page ${name} is not part of this build`);
    return staticAnswer(file, request.headers.get('if-none-match'));
  };

/** `GET /api/assets/{file}`: scripts and styles of the pages. */
export const asset =
  (files: PageFiles = pageFiles): OpenHandler =>
  async ({ request }) => {
    const name = request.params['file'] ?? '';
    const file = name.endsWith('.html') ? undefined : await files.find(name);
    if (file === undefined) throw new BrokerError('not_found', 'There is no such file.');
    return staticAnswer(file, request.headers.get('if-none-match'));
  };
