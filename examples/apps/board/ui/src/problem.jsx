import { Component } from 'react';

/** Problem shows what went wrong in the place of what could not be shown. */
export class Problem extends Component {
  state = {};

  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    const { error } = this.state;
    return error ? <p className="alert" role="alert">{error.message}</p> : this.props.children;
  }
}
