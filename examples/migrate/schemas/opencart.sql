CREATE TABLE oc_order (
  order_id INT AUTO_INCREMENT PRIMARY KEY, invoice_prefix VARCHAR(26) NOT NULL DEFAULT '', customer_id INT NOT NULL DEFAULT 0,
  firstname VARCHAR(32) NOT NULL, lastname VARCHAR(32) NOT NULL, email VARCHAR(96) NOT NULL, telephone VARCHAR(32) NOT NULL,
  payment_firstname VARCHAR(32) NOT NULL, payment_lastname VARCHAR(32) NOT NULL, payment_address_1 VARCHAR(128) NOT NULL,
  payment_city VARCHAR(128) NOT NULL, payment_postcode VARCHAR(10) NOT NULL, payment_country_id INT NOT NULL,
  shipping_firstname VARCHAR(32) NOT NULL, shipping_lastname VARCHAR(32) NOT NULL, shipping_company VARCHAR(60) NOT NULL,
  shipping_address_1 VARCHAR(128) NOT NULL, shipping_address_2 VARCHAR(128) NOT NULL, shipping_city VARCHAR(128) NOT NULL,
  shipping_postcode VARCHAR(10) NOT NULL, shipping_country_id INT NOT NULL, shipping_zone VARCHAR(128) NOT NULL,
  comment TEXT NOT NULL, total DECIMAL(15,4) NOT NULL DEFAULT 0, order_status_id INT NOT NULL DEFAULT 0,
  currency_code VARCHAR(3) NOT NULL, currency_value DECIMAL(15,8) NOT NULL DEFAULT 1,
  date_added DATETIME NOT NULL, date_modified DATETIME NOT NULL, payment_company VARCHAR(60) NOT NULL DEFAULT '',
  payment_address_2 VARCHAR(128) NOT NULL DEFAULT '', payment_zone VARCHAR(128) NOT NULL DEFAULT '') DEFAULT CHARSET utf8mb3;
CREATE TABLE oc_order_product (
  order_product_id INT AUTO_INCREMENT PRIMARY KEY, order_id INT NOT NULL, product_id INT NOT NULL, name VARCHAR(255) NOT NULL,
  model VARCHAR(64) NOT NULL, quantity INT NOT NULL, price DECIMAL(15,4) NOT NULL, total DECIMAL(15,4) NOT NULL,
  tax DECIMAL(15,4) NOT NULL, KEY (order_id)) DEFAULT CHARSET utf8mb3;
CREATE TABLE oc_order_total (
  order_total_id INT AUTO_INCREMENT PRIMARY KEY, order_id INT NOT NULL, code VARCHAR(32) NOT NULL, title VARCHAR(255) NOT NULL,
  value DECIMAL(15,4) NOT NULL, sort_order INT NOT NULL, KEY (order_id)) DEFAULT CHARSET utf8mb3;
CREATE TABLE oc_country (
  country_id INT PRIMARY KEY, name VARCHAR(128) NOT NULL, iso_code_2 VARCHAR(2) NOT NULL) DEFAULT CHARSET utf8mb3;
