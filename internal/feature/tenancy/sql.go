package tenancy

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. A product is kept as the text that was
// registered, so that a later version of Annex reads from it what this one does not.
var Migrations = []db.Migration{{ID: "tenancy/1", SQL: `
CREATE TABLE products (
	key        TEXT PRIMARY KEY,
	source     TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);
CREATE TABLE product_names (
	name    TEXT PRIMARY KEY,
	product TEXT NOT NULL REFERENCES products(key)
);
CREATE TABLE sites (
	id                TEXT PRIMARY KEY,
	name              TEXT NOT NULL UNIQUE,
	development_apps  BIGINT NOT NULL,
	created_at        BIGINT NOT NULL
);
CREATE TABLE site_products (
	site_id TEXT NOT NULL REFERENCES sites(id),
	product TEXT NOT NULL REFERENCES products(key),
	PRIMARY KEY (site_id, product)
);
`}, {ID: "tenancy/2", SQL: `
CREATE INDEX product_names_product ON product_names (product);
`}, {ID: "tenancy/3", SQL: `
ALTER TABLE products ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
CREATE TABLE product_documents (
	product      TEXT PRIMARY KEY REFERENCES products(key),
	source       BLOB NOT NULL,
	read_form    BLOB NOT NULL,
	read_version BIGINT NOT NULL
);
`}, {ID: "tenancy/updates", SQL: `
ALTER TABLE sites ADD COLUMN updates TEXT NOT NULL DEFAULT 'now';
`}}

const (
	putProduct = `INSERT INTO products (key, source, created_at, updated_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET source = excluded.source, updated_at = excluded.updated_at, generation = products.generation + 1`
	// A document is kept as it was sent and as it was read, both compressed.
	putDocument      = `INSERT INTO product_documents (product, source, read_form, read_version) VALUES (?, ?, ?, ?)`
	dropDocument     = `DELETE FROM product_documents WHERE product = ?`
	documentForm     = `SELECT read_form, read_version FROM product_documents WHERE product = ?`
	documentText     = `SELECT source FROM product_documents WHERE product = ?`
	generationOf     = `SELECT generation FROM products WHERE key = ?`
	productOfKey     = `SELECT source, generation FROM products WHERE key = ?`
	dropProductNames = `DELETE FROM product_names WHERE product = ?`
	putProductName   = `INSERT INTO product_names (name, product) VALUES (?, ?)`
	productOfName    = `SELECT product FROM product_names WHERE name = ?`
	productSource    = `SELECT p.source FROM product_names n JOIN products p ON p.key = n.product WHERE n.name = ?`
	allProducts      = `SELECT source FROM products ORDER BY key`

	putSite     = `INSERT INTO sites (id, name, development_apps, created_at) VALUES (?, ?, ?, ?)`
	setSite     = `UPDATE sites SET name = ?, development_apps = ?, updates = ? WHERE id = ?`
	siteColumns = `SELECT id, name, development_apps, updates, created_at FROM sites`
	siteByID    = siteColumns + ` WHERE id = ?`
	// Cross-tenant: a person who is not known yet says at most the site's name.
	sitesOffering    = `SELECT site_id FROM site_products WHERE product = ? ORDER BY site_id LIMIT 2`
	siteByName       = siteColumns + ` WHERE name = ?`
	sitesSwitchedOff = `SELECT id FROM sites WHERE development_apps = 0 ORDER BY id`
	switchOff        = `UPDATE sites SET development_apps = 0 WHERE id = ?`
	allSites         = siteColumns + ` ORDER BY name`
	putSiteProduct   = `INSERT INTO site_products (site_id, product) VALUES (?, ?)`
	siteProducts     = `SELECT product FROM site_products WHERE site_id = ? ORDER BY product`
	dropSiteProducts = `DELETE FROM site_products WHERE site_id = ?`
	dropSite         = `DELETE FROM sites WHERE id = ?`
	dropSiteProduct  = `DELETE FROM site_products WHERE site_id = ? AND product = ?`
)
