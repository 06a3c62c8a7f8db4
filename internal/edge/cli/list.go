package cli

// listed ends a command that shows a list: as JSON under its name ("" for the list alone),
// or as a table, or in the words of empty where there is nothing ("" for a head alone).
func listed[T any](c *cli, key string, all []T, head, empty string, row func(T) []string) error {
	switch {
	case c.json && key == "":
		c.ui.printJSON(list(all))
	case c.json:
		c.ui.printJSON(map[string]any{key: list(all)})
	case len(all) == 0 && empty != "":
		c.ui.printf("%s", empty)
	default:
		rows := make([][]string, 0, len(all))
		for _, x := range all {
			rows = append(rows, row(x))
		}
		c.ui.table(head, rows)
	}
	return nil
}

// list is a list that JSON writes as one, also where it is empty.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
