// What all classes of the corpus are made by.

/** A class: `{ name, times, options, spoil }`, and `differs`, `timed`, `again` or `random` where it needs them. */
export const make = (name, times, spoil, more = {}) => ({ name, times, spoil, options: {}, ...more });
export const set = (part, place, name, value) => (draft) => { draft[part][place][name] = value; };
export const BOUND = { bound: true };
export const UNBOUND = { bound: false };
/** Those of base64url (RFC 4648 §5), in order. */
export const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
