/** A parameter of a link (RFC 8288, section 3): its name, and its value with or without quotes. */
const parameter = String.raw`;\s*([\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?\s*`;

/** The target of the link `next` in a header `Link`. Undefined on the last page. */
export function nextTarget(header: string | null): string | undefined {
  const links = (header ?? '').matchAll(new RegExp(`<([^<>]*)>\\s*((?:${parameter})*)`, 'g'));
  for (const [, target, parameters = ''] of links) {
    for (const [, name = '', quoted, plain = ''] of parameters.matchAll(new RegExp(parameter, 'g'))) {
      if (name.toLowerCase() !== 'rel') continue;
      if ((quoted ?? plain).toLowerCase().split(/\s+/).includes('next')) return target;
      // Only the first relation of a link counts.
      break;
    }
  }
  return undefined;
}
