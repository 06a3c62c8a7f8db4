// Echo lets a field answer at once while the app's answer is on its way. What a person
// entered stays in the field until every change of it has been handled; only then the
// app's value counts. Changes that come faster than answers are gathered: the newest is
// sent when the one before was handled.
//
// Events are numbered in order; the platform says when one is handled, after the patches
// which it caused.

export class Echo {
  #send;
  #flight = 0; // number of the newest change that is not yet handled, 0 if none
  #held; // arguments of a change that waits
  #local;
  #server;
  #controlled;

  /**
   * @param {(args: unknown[]) => number} send  sends a change and answers its number
   */
  constructor(send) {
    this.#send = send;
  }

  /** server takes the app's value; undefined means that the field keeps its own. */
  server(value, initial) {
    if (this.#local === undefined) this.#local = value ?? initial;
    this.#controlled = value !== undefined;
    this.#server = value;
    if (this.#controlled && !this.pending) this.#local = value;
  }

  /** value is what the field shows. */
  get value() {
    return this.#local;
  }

  get pending() {
    return this.#flight !== 0 || this.#held !== undefined;
  }

  /**
   * edit takes what a person entered, and the arguments of the event for the app;
   * without arguments the app does not listen.
   */
  edit(value, args) {
    this.#local = value;
    if (!args) return;
    if (this.#flight) this.#held = args;
    else this.#flight = this.#send(args);
  }

  /** flush sends what waits: another event must not overtake it. */
  flush() {
    if (this.#held === undefined) return;
    const args = this.#held;
    this.#held = undefined;
    this.#flight = this.#send(args);
  }

  /** handled takes what says of an event whether it is handled; true if the value may have changed. */
  handled(done) {
    if (!this.#flight || !done(this.#flight)) return false;
    this.#flight = 0;
    if (this.#held !== undefined) {
      this.flush();
      return false;
    }
    if (!this.#controlled || same(this.#server, this.#local)) return false;
    this.#local = this.#server;
    return true;
  }

  /** lost tells that answers will not come: what waits is sent, the app's next value counts. */
  lost() {
    this.#flight = 0;
    this.flush();
  }

  /** reset takes a value without sending it. */
  reset(value) {
    this.#held = undefined;
    this.#local = value;
  }
}

/** same compares values of fields, which are JSON. */
export function same(a, b) {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
