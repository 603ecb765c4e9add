/** Lines in a square of 16 units. */
const paths = {
  menu: 'M2 4.5h12M2 8h12M2 11.5h12',
  more: 'M2.5 8h1M7.5 8h1M12.5 8h1',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14',
  overview: 'M2.5 13.5v-5M6.2 13.5v-9M9.8 13.5v-6M13.5 13.5v-11',
  tenants: 'M2.5 13.5V5L8 2.5V13.5M8 6.5l5.5 1.5v5.5M1.5 13.5h13M5.2 7v.01M5.2 10v.01M10.8 10.5v.01',
  runs: 'M13 4.5A6 6 0 1 0 14 8M14 2v3h-3M6.7 5.7v4.6L10.5 8z',
  plans: 'M4.5 13.5v-11M2 5l2.5-2.5L7 5M11.5 2.5v11M9 11l2.5 2.5L14 11',
  approvals: 'M8 1.8l5.2 2v4.4c0 3-2.2 5-5.2 6-3-1-5.2-3-5.2-6V3.8zM5.6 8l1.7 1.7L10.5 6.4',
  events: 'M2 8h2.5l2-5 3 10 2-5H14',
  jobs: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  policy: 'M8 2v12M3.5 14h9M3 4.5h10M3 4.5 1.2 9.5h3.6zM13 4.5l-1.8 5h3.6z',
  audit: 'M3.5 1.8h6.5l2.5 2.5v9.9h-9zM5.8 6.5h4.5M5.8 9h4.5M5.8 11.5h2.5',
  api: 'M5 4 1.5 8 5 12M11 4l3.5 4L11 12',
  play: 'M5 3v10l8-5z',
  again: 'M13 4.5A6 6 0 1 0 14 8M14 2v3h-3',
  download: 'M8 2v8M4.7 7 8 10.3 11.3 7M2.5 13.5h11',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  turn: 'M6 3.5 10.5 8 6 12.5',
  down: 'M3.5 6 8 10.5 12.5 6',
  print: 'M4.5 6V2h7v4M4.5 11.5h-2.5V6h12v5.5h-2.5M4.5 9.5h7V14h-7z',
  exit: 'M6.5 2.5h-4v11h4M10 4.5 13.5 8 10 11.5M13.5 8H6',
  good: 'M3 8.5l3.3 3.3L13 4.8',
  bad: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  warn: 'M8 2.5v7M8 13v.01',
  idle: 'M3.5 8h9',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.3 1.4',
  lock: 'M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
  active: 'M8 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z',
} as const;
export type IconName = keyof typeof paths;

/** A drawing that repeats the word beside it. @param props.turns it shows whether a `<details>` is open. */
export function Icon({ name, turns = false }: { readonly name: IconName; readonly turns?: boolean }) {
  return (
    <svg class={turns ? 'i turn' : 'i'} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** The initials of a person, or a drawing for what is no person. */
export function Face({ name, icon }: { readonly name: string; readonly icon?: IconName | undefined }) {
  const [first = '', second = ''] = name.split('@')[0]?.split(/[\s._-]+/) ?? [];
  return (
    <span class={icon === undefined ? 'face' : 'face square'} aria-hidden="true">
      {icon === undefined ? (first.charAt(0) + second.charAt(0)).toUpperCase() : <Icon name={icon} />}
    </span>
  );
}
