/**
 * Splits at a separator outside quotes and parentheses.
 * @returns undefined for quotes or parentheses that do not match.
 */
export function splitOutside(text: string, separator: string): readonly string[] | undefined {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
    if (depth < 0) return undefined;
  }
  return depth !== 0 || quoted ? undefined : [...parts, text.slice(from)];
}
