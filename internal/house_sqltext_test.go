package internal_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is one SELECT, INSERT, UPDATE or DELETE; a subquery is a block of its own.
type block struct {
	verb     string
	tables   []reference
	inserted []string // columns of an INSERT
	conflict []string // columns of its ON CONFLICT
	updates  bool     // … DO UPDATE
	where    []string // words of its WHERE, without those of subqueries
}

// reference is a table and the name by which the block calls it.
type reference struct{ table, alias string }

var word = regexp.MustCompile(`'(?:[^']|'')*'|\w+(?:\.\w+)?|<=|>=|<>|[^\s\w]`)

// words are the words of an SQL text, in small letters.
func words(text string) []string { return word.FindAllString(strings.ToLower(text), -1) }

// clauses end a list of tables or a WHERE.
var clauses = []string{"where", "group", "order", "limit", "returning", "on", "set", "values", "join", "left", "inner", "cross", "natural", "using", "window", "having", "union", "as", "select", "do"}

// blocks takes a statement apart.
func blocks(text string) []block {
	var out []block
	read(words(text), &out)
	return out
}

// read reads the words of one block and puts it, after its subqueries, into out.
func read(in []string, out *[]block) {
	var b block
	var own []string // the words without subqueries and lists, which stand as "()"
	for i := 0; i < len(in); i++ {
		if in[i] != "(" {
			own = append(own, in[i])
			continue
		}
		end := closing(in, i)
		inner := in[i+1 : end]
		switch {
		case len(inner) > 0 && (inner[0] == "select" || inner[0] == "with"):
			read(inner, out)
		case len(own) > 2 && own[len(own)-2] == "into":
			b.inserted = names(inner)
		case len(own) > 1 && own[len(own)-1] == "conflict":
			b.conflict = names(inner)
		default:
			read(inner, out) // an expression may hold a subquery
		}
		own = append(own, "()")
		i = end
	}
	verb := slices.IndexFunc(own, func(w string) bool { return slices.Contains([]string{"select", "insert", "update", "delete"}, w) })
	if verb < 0 || verb > 0 && own[0] != "with" {
		return
	}
	own = own[verb:]
	if i := slices.Index(own, "select"); own[0] == "insert" && i > 0 {
		read(own[i:], out) // what is inserted is read from somewhere
		if j := slices.Index(own, "conflict"); j > i {
			own = append(own[:i:i], own[j-1:]...)
		} else {
			own = own[:i]
		}
	}
	b.verb = own[0]
	if i := slices.Index(own, "conflict"); i >= 0 {
		b.updates = slices.Contains(own[i:], "update")
	}
	b.refer(own)
	if i := slices.Index(own, "where"); i >= 0 && b.verb != "insert" {
		b.where = own[i+1:]
		if end := slices.IndexFunc(b.where, func(w string) bool { return slices.Contains(clauses, w) }); end >= 0 {
			b.where = b.where[:end]
		}
	}
	*out = append(*out, b)
}

func closing(in []string, open int) int {
	depth := 0
	for i := open; i < len(in); i++ {
		switch in[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(in)
}

func names(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return w == "," })
}

// refer finds the tables that the block names itself.
func (b *block) refer(own []string) {
	for i := 0; i+1 < len(own); i++ {
		listed := false
		switch own[i] {
		case "from", "using":
			listed = true
		case "into", "join":
		case "update":
			if i > 0 { // DO UPDATE
				continue
			}
		default:
			continue
		}
		for i++; i < len(own) && own[i] != "()"; {
			r := reference{own[i], own[i]}
			if i+1 < len(own) && own[i+1] == "as" {
				i++
			}
			if i+1 < len(own) && own[i+1] != "," && own[i+1] != "()" && !slices.Contains(clauses, own[i+1]) {
				i++
				r.alias = own[i]
			}
			b.tables = append(b.tables, r)
			if i++; !listed || i >= len(own) || own[i] != "," {
				break
			}
			i++
		}
		i--
	}
}

// demands reports whether the WHERE holds for rows of one value of a column only.
func (b *block) demands(r reference, column string) bool {
	if slices.Contains(b.where, "or") { // one side of it may be anybody's
		return false
	}
	for i := 0; i+2 < len(b.where); i++ {
		if b.where[i+1] == "=" && b.where[i+2] == "?" && (b.where[i] == column && len(b.tables) == 1 || b.where[i] == r.alias+"."+column) {
			return i == 0 || b.where[i-1] == "and"
		}
	}
	return false
}

// The test of the tests: what they are there to find is found.
func TestStatementsAreUnderstood(t *testing.T) {
	tables := created(`CREATE TABLE kv (install_id TEXT NOT NULL, key TEXT, value BLOB, PRIMARY KEY (install_id, key));
		CREATE TABLE site_things (site_id TEXT, thing TEXT NOT NULL CHECK (thing <> ''));
		CREATE TABLE plain (one BIGINT PRIMARY KEY)`)
	if got := fmt.Sprint(tables); got != "map[kv:[install_id key value] plain:[one] site_things:[site_id thing]]" {
		t.Fatal(got)
	}
	for text, ok := range map[string]bool{
		`SELECT value FROM kv WHERE install_id = ? AND key = ?`:                                           true,
		`SELECT value FROM kv WHERE key = ? AND install_id = ? AND (a = ? OR b = ?) ORDER BY key LIMIT ?`: true,
		`SELECT k.value FROM kv k WHERE k.install_id = ?`:                                                 true,
		`SELECT k.value FROM kv AS k JOIN plain p ON p.one = k.key WHERE k.install_id = ?`:                true,
		`SELECT one FROM plain`: true,
		`DELETE FROM kv WHERE install_id = ? AND key IN (SELECT key FROM kv WHERE install_id = ? LIMIT ?)`:                            true,
		`UPDATE kv SET value = ? WHERE install_id = ?`:                                                                                true,
		`INSERT INTO kv (install_id, key, value) VALUES (?, ?, ?) ON CONFLICT (install_id, key) DO UPDATE SET value = excluded.value`: true,
		`INSERT INTO kv (install_id, key) VALUES (?, ?) ON CONFLICT (key) DO NOTHING`:                                                 true,
		`SELECT MAX(n) FROM (SELECT ROW_NUMBER() OVER (ORDER BY key) AS n FROM kv WHERE install_id = ?) AS t WHERE n > ?`:             true,
		`SELECT value FROM kv`:                                                                                            false,
		`SELECT value FROM kv WHERE key = ?`:                                                                              false,
		`SELECT value FROM kv WHERE install_id = ? OR key = ?`:                                                            false,
		`SELECT value FROM kv WHERE install_id <> ?`:                                                                      false,
		`SELECT value FROM kv WHERE NOT install_id = ?`:                                                                   false,
		`SELECT value FROM kv WHERE install_id = install_id`:                                                              false,
		`SELECT value FROM kv WHERE key = ? ORDER BY install_id = ?`:                                                      false,
		`SELECT value FROM kv WHERE site_id = ?`:                                                                          false,
		`SELECT k.value FROM kv k, kv l WHERE k.install_id = ?`:                                                           false,
		`SELECT k.value FROM plain p JOIN kv k ON k.key = p.one WHERE p.one = ?`:                                          false,
		`SELECT one FROM plain WHERE one IN (SELECT key FROM kv)`:                                                         false,
		`SELECT COALESCE((SELECT MAX(key) FROM kv), '') FROM plain`:                                                       false,
		`DELETE FROM kv WHERE install_id = ? AND key IN (SELECT key FROM kv LIMIT ?)`:                                     false,
		`DELETE FROM kv WHERE (install_id, key) IN (SELECT install_id, key FROM kv WHERE install_id = ?)`:                 false,
		`UPDATE kv SET install_id = ? WHERE key = ?`:                                                                      false,
		`UPDATE site_things SET thing = ?`:                                                                                false,
		`INSERT INTO kv (key, value) VALUES (?, ?)`:                                                                       false,
		`INSERT INTO kv (install_id, key) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET install_id = excluded.install_id`: false,
		`INSERT INTO plain (one) SELECT key FROM kv`:                                                                      false,
		`SELECT 'install_id = ?' FROM kv WHERE key = 'x' AND 'install_id' = ?`:                                            false,
		`SELECT value FROM kv WHERE install_id = ? UNION SELECT value FROM kv`:                                            false,
		`WITH x AS (SELECT one FROM plain) SELECT value FROM kv`:                                                          false,
		`WITH x AS (SELECT key FROM kv) SELECT one FROM plain`:                                                            false,
		`WITH x AS (SELECT one FROM plain) DELETE FROM kv`:                                                                false,
		`INSERT INTO kv (install_id, key) SELECT ?, key FROM kv`:                                                          false,
		`INSERT INTO kv (install_id, key) SELECT ?, key FROM kv WHERE install_id = ?`:                                     true,
		`UPDATE plain SET one = kv.key FROM kv WHERE one = ?`:                                                             false,
		`UPDATE kv SET value = ? FROM plain WHERE kv.key = plain.one`:                                                     false,
		`DELETE FROM plain USING kv WHERE plain.one = kv.key`:                                                             false,
		`DELETE FROM kv USING plain WHERE kv.key = plain.one`:                                                             false,
		`SELECT p.one FROM plain p LEFT JOIN kv k ON k.install_id = ? WHERE p.one = ?`:                                    false,
		`SELECT value FROM kv WHERE (install_id = ? OR key = ?)`:                                                          false,
		`SELECT value FROM kv WHERE EXISTS (SELECT 1 FROM kv b WHERE b.install_id = ?)`:                                   false,
		`SELECT value FROM kv NATURAL JOIN plain WHERE one = ?`:                                                           false,
	} {
		if wrong := unscoped(text, tables); (wrong == "") != ok {
			t.Errorf("%s\nscoped %v, want %v: %s", text, wrong == "", ok, wrong)
		}
	}
}
