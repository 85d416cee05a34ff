// Where the page is: the part of the address after #.
import { signal } from "./signal";

const read = () => /^#?(token=.*)?$/.test(location.hash) ? "/" : location.hash.slice(1);
export const route = signal(read());
addEventListener("hashchange", () => {
  if (/^#token=/.test(location.hash)) location.reload();
  route.value = read();
  window.scrollTo(0, 0);
});
export const go = (path: string) => { location.hash = path; };
