CREATE TABLE wp_wc_orders (
  id BIGINT UNSIGNED PRIMARY KEY, status VARCHAR(20), currency VARCHAR(10), type VARCHAR(20), tax_amount DECIMAL(26,8),
  total_amount DECIMAL(26,8), customer_id BIGINT UNSIGNED, billing_email VARCHAR(320), date_created_gmt DATETIME,
  date_updated_gmt DATETIME, customer_note TEXT) DEFAULT CHARSET utf8mb4;
CREATE TABLE wp_wc_order_addresses (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, order_id BIGINT UNSIGNED NOT NULL, address_type VARCHAR(20), first_name TEXT,
  last_name TEXT, company TEXT, address_1 TEXT, address_2 TEXT, city TEXT, state TEXT, postcode TEXT, country TEXT,
  email VARCHAR(320), phone VARCHAR(100), UNIQUE KEY (address_type, order_id)) DEFAULT CHARSET utf8mb4;
CREATE TABLE wp_woocommerce_order_items (
  order_item_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, order_item_name TEXT NOT NULL,
  order_item_type VARCHAR(200) NOT NULL DEFAULT '', order_id BIGINT UNSIGNED NOT NULL, KEY (order_id)) DEFAULT CHARSET utf8mb4;
CREATE TABLE wp_woocommerce_order_itemmeta (
  meta_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, order_item_id BIGINT UNSIGNED NOT NULL, meta_key VARCHAR(255),
  meta_value LONGTEXT, KEY (order_item_id)) DEFAULT CHARSET utf8mb4;
