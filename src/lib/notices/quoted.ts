/**
 * A text that a caller wrote, for a notice. Chats turn addresses into links, and people trust the links of a notice. So `://`
 * and the dots of names are put in brackets.
 */
export const quoted = (text: string): string =>
  text.replaceAll('://', '[:]//').replaceAll(/\.(?=[\p{L}\p{N}])/gu, '[.]');
