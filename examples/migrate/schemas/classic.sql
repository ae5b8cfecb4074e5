CREATE TABLE customers (
  customerNumber INT PRIMARY KEY, customerName VARCHAR(50) NOT NULL, addressLine1 VARCHAR(50) NOT NULL,
  addressLine2 VARCHAR(50), city VARCHAR(50) NOT NULL, state VARCHAR(50), postalCode VARCHAR(15),
  country VARCHAR(50) NOT NULL) DEFAULT CHARSET latin1;
CREATE TABLE products (
  productCode VARCHAR(15) PRIMARY KEY, productName VARCHAR(70) NOT NULL, buyPrice DECIMAL(10,2) NOT NULL) DEFAULT CHARSET latin1;
CREATE TABLE orders (
  orderNumber INT PRIMARY KEY, orderDate DATE NOT NULL, requiredDate DATE NOT NULL, shippedDate DATE,
  status VARCHAR(15) NOT NULL, comments TEXT, customerNumber INT NOT NULL,
  FOREIGN KEY (customerNumber) REFERENCES customers (customerNumber)) DEFAULT CHARSET utf8mb4;
CREATE TABLE orderdetails (
  orderNumber INT NOT NULL, productCode VARCHAR(15) NOT NULL, quantityOrdered INT NOT NULL,
  priceEach DECIMAL(10,2) NOT NULL, orderLineNumber SMALLINT NOT NULL, PRIMARY KEY (orderNumber, productCode),
  FOREIGN KEY (orderNumber) REFERENCES orders (orderNumber) ON DELETE CASCADE,
  FOREIGN KEY (productCode) REFERENCES products (productCode)) DEFAULT CHARSET latin1;
