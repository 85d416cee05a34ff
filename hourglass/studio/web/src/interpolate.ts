// Codes on straight ways between codes, as `hourglass morph` takes them.
export type Code = number | Code[];

function mixed(a: Code, b: Code, share: number): Code {
  return Array.isArray(a) ? a.map((each, i) => mixed(each, (b as Code[])[i], share)) : a + share * ((b as number) - a);
}

// From each code to the next, with `steps` between; shares of the way.
export function between<T extends Code>(codes: T[], steps: number): { codes: T[]; shares: number[] } {
  const shares = Array.from({ length: steps + 2 }, (_, i) => i / (steps + 1));
  return { codes: codes.slice(1).flatMap((end, i) => shares.map((share) => mixed(codes[i], end, share) as T)),
    shares: codes.slice(1).flatMap(() => shares) };
}
