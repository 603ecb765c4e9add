const minuteMs = 60_000;

/** The milliseconds of a .NET TimeSpan (`hh:mm`, `hh:mm:ss`, `d.hh:mm:ss`, or days), or undefined for another text. */
export function parseTimeSpan(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d{1,8}$/.test(trimmed)) return Number(trimmed) * 24 * 60 * minuteMs;
  const parts = /^(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?$/.exec(trimmed);
  if (!parts) return undefined;
  const [days, hours, minutes, seconds] = parts.slice(1, 5).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const fractionMs = Number(`0.${parts[5] ?? '0'}`) * 1000;
  return ((days * 24 + hours) * 60 + minutes) * minuteMs + seconds * 1000 + fractionMs;
}
