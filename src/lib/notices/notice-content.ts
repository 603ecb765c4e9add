import { createHash } from 'node:crypto';
import { scrub } from '../core/log.ts';
import { visibleText } from '../core/visible-text.ts';
import type { Notice } from './notice.ts';

/** The id of a notice for receivers and storage: 32 hexadecimal digits that follow from its kind and key. */
export const noticeId = ({ kind, key }: Pick<Notice, 'kind' | 'key'>): string =>
  createHash('sha256')
    .update(JSON.stringify([kind, key]))
    .digest('hex')
    .slice(0, 32);

/**
 * The notice as it may be stored and sent: all text is scrubbed, cut to a readable length and well-formed, and title and facts
 * are one line each.
 */
export const cleanNotice = (notice: Notice): Notice => ({
  ...notice,
  title: cut(visibleText(scrub(notice.title)), 150),
  ...(notice.tenantName === undefined ? {} : { tenantName: cut(visibleText(scrub(notice.tenantName)), 100) }),
  text: cut(scrub(notice.text), 1500),
  facts: notice.facts
    .slice(0, 20)
    .map(({ name, value }) => ({ name: cut(scrub(name), 60), value: cut(visibleText(scrub(value)), 300) })),
});

/** No half of a character is left at the cut: storage and receivers may refuse one. */
export const cut = (text: string, length: number): string =>
  (text.length > length ? `${text.slice(0, length - 1)}…` : text).toWellFormed();
